"""A use is noted at once, and again after a minute."""

from __future__ import annotations

import pytest

from chatixia.store.control import use_notes
from chatixia.store.control.use_notes import NOTE_EVERY, UseNotes


def test_it_is_due_once_a_minute_for_each():
    notes = UseNotes()
    assert notes.is_due("a", 0.0) and notes.is_due("b", 1.0)
    assert not notes.is_due("a", NOTE_EVERY - 0.1)
    assert notes.is_due("a", NOTE_EVERY) and not notes.is_due("a", NOTE_EVERY + 1)


def test_what_was_noted_before_a_restart_counts():
    notes = UseNotes()
    assert not notes.is_due("a", 100.0, before=99.0)
    assert notes.is_due("a", 100.0, before=100.0 - NOTE_EVERY)


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(use_notes, "MOST_NOTES", 2)
    notes = UseNotes()
    assert [notes.is_due(name, 0.0) for name in "abca"] == [True] * 4
