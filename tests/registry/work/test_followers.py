"""Followers hear a task's messages in order, and are bounded."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from chatixia.core.ports import Principal
from chatixia.errors import Overloaded, Unavailable
from chatixia.ids import AgentId
from chatixia.registry.work import followers as module
from chatixia.registry.work.followers import Followers
from chatixia.wire.signaling import TaskHint, TaskProgress

ME, OTHER = (
    Principal(AgentId(f"{name}~aaaaaa"), "client", machine=name) for name in ("me", "other")
)


async def test_messages_come_in_order_to_whoever_follows():
    followers = Followers()
    with followers.follow(ME, "t") as mine, followers.follow(OTHER, "t") as other:
        for state in ("assigned", "pending"):
            followers.tell("t", TaskHint("t", state))
        followers.tell("u", TaskHint("u"))
        for follower in (mine, other):
            async with asyncio.timeout(5):
                states = [(await follower.next()).state for _ in range(2)]  # type: ignore[attr-defined]
            assert states == ["assigned", "pending"]
    assert not followers._of_task and not followers._of_holder


async def test_one_principal_and_all_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_PER_HOLDER", 2)
    monkeypatch.setattr(module, "MAX_FOLLOWERS", 3)
    followers = Followers()
    with ExitStack() as open_ones:
        for n in range(2):
            open_ones.enter_context(followers.follow(ME, f"t{n}"))
        with pytest.raises(Overloaded, match="Your machine waits"), followers.follow(ME, "t9"):
            pass
        open_ones.enter_context(followers.follow(OTHER, "t0"))
        with pytest.raises(Overloaded, match="Too many"), followers.follow(OTHER, "t1"):
            pass
    with followers.follow(ME, "t"):
        pass


async def test_what_is_not_read_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "UNREAD_BYTES", 1000)
    followers = Followers()
    said = TaskProgress("t", "1.1", 1, note="x" * 300)
    with followers.follow(ME, "t") as slow:
        followers.tell("t", said)
        assert await slow.next() is said
        for _ in range(50):
            followers.tell("t", said)
        assert slow._messages.qsize() == 2
        with pytest.raises(Overloaded):
            await slow.next()
        assert slow._bytes == 500
    with followers.follow(ME, "t") as large:
        followers.tell("t", TaskProgress("t", "1.1", 1, note="x" * 3000))
        assert isinstance(await large.next(), TaskProgress)


async def test_a_slow_reader_is_told_and_nobody_waits_beyond_the_end(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(module, "UNREAD_MESSAGES", 2)
    followers = Followers()
    with followers.follow(ME, "t") as slow, followers.follow(ME, "u") as late:
        for _ in range(3):
            followers.tell("t", TaskHint("t"))
        with pytest.raises(Overloaded):
            await slow.next()
        followers.close()
        with pytest.raises(Unavailable):
            await late.next()
    with pytest.raises(Unavailable), followers.follow(ME, "t"):
        pass
