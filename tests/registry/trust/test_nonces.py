"""A nonce comes back once, in time, and there are never too many."""

from __future__ import annotations

import pytest

from chatixia.errors import Overloaded
from chatixia.registry.trust import nonces
from chatixia.registry.trust.nonces import LIFE, Nonces
from tests.registry.clock import Clock


def test_once_and_in_time():
    clock = Clock()
    given = Nonces(clock)
    first, second = given.give(), given.give()
    assert first != second
    assert given.take(first) and not given.take(first)
    assert not given.take("AAAA")
    clock.now += LIFE
    assert not given.take(second)


def test_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nonces, "MOST", 3)
    clock = Clock()
    given = Nonces(clock)
    for _ in range(3):
        given.give()
    with pytest.raises(Overloaded):
        given.give()
    clock.now += LIFE
    given.give()
