"""The inbox: bounded in memory and on disk, silent about what it holds."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import msgspec
import pytest

from chatixia.agent import inbox
from chatixia.agent.inbox import MAX_MESSAGES, Inbox, InboxMessage


def message(text: str) -> InboxMessage:
    return InboxMessage("bob", text, "direct", 1.0)


def test_the_last_ones_are_kept():
    box = Inbox()
    for n in range(MAX_MESSAGES + 5):
        box.add(message(str(n)))
    assert len(box) == MAX_MESSAGES
    assert [m.text for m in box][:1] == ["5"]


def test_the_log_says_who_and_not_what(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "chatixia")
    Inbox().add(message("swordfish"))
    assert "bob" in caplog.text
    assert "swordfish" not in caplog.text


def test_a_file_of_lines_for_this_user_only(tmp_path: Path):
    box = Inbox(tmp_path / "inbox.jsonl")
    box.add(message("a"))
    box.add(message("b"))
    lines = (tmp_path / "inbox.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line, type=InboxMessage).text for line in lines] == ["a", "b"]
    assert stat.S_IMODE((tmp_path / "inbox.jsonl").stat().st_mode) == 0o600


def test_the_file_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inbox, "MAX_FILE", 300)
    box = Inbox(tmp_path / "inbox.jsonl")
    for n in range(20):
        box.add(message(str(n)))
    sizes = [p.stat().st_size for p in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= 300


def test_a_file_that_cannot_be_written_is_a_warning(caplog: pytest.LogCaptureFixture):
    box = Inbox(Path("/proc/nowhere/inbox"))
    box.add(message("a"))
    assert len(box) == 1
    assert "cannot be written" in caplog.text
