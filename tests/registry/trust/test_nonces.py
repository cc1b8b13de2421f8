"""A nonce comes back once, in time, and there are never too many."""

from __future__ import annotations

import pytest

from chatixia.registry.trust import nonces
from chatixia.registry.trust.nonces import NONCE_SECONDS, Nonces
from tests.registry.clock import Clock


def test_once_and_in_time():
    clock = Clock()
    given = Nonces(clock)
    first, second = given.give(), given.give()
    assert first != second
    assert given.take(first) and not given.take(first)
    assert not given.take("AAAA")
    clock.now += NONCE_SECONDS
    assert not given.take(second)


def test_their_number_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nonces, "MAX_NONCES", 3)
    clock = Clock()
    given = Nonces(clock)
    first, second, third, fourth = (given.give() for _ in range(4))
    assert not given.take(first), "the oldest makes room: a flood keeps nobody out"
    assert given.take(second) and given.take(third) and given.take(fourth)


def test_a_socket_s_own_is_kept_by_the_socket():
    given = Nonces(Clock())
    assert given.once() != given.once() and not given.take(given.once())
