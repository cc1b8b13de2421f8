"""Bad input at an agent's DataChannel, from a true member: before hello, and after.

Damage inside a message is answered on the same link. Damage of a frame ends the link, so that the
next comes from another client of the same machine: a peer that broke the protocol is barred.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from typing import Any

import pytest

from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.profile.profile import Profile
from chatixia.core.frames import CHUNK, MAX_PARTS, Fragment, write_fragment
from chatixia.core.offers import BAR_SECONDS
from chatixia.peer.engines import load
from chatixia.peer.engines.base import EngineRefused
from chatixia.peer.links.monitor import FORGET_SECONDS
from chatixia.wire.peer import MAX_MESSAGE
from chatixia.wire.registry import Serial
from tests.acceptance.doors import MIB, Cost
from tests.acceptance.floods import BODY
from tests.acceptance.harness import TestMesh
from tests.lab.hostile import HANG, Attempt, Hostile
from tests.lab.liar import Liar
from tests.lab.mutants import mutants

FEW, MANY, EVERY = 500, 10_000, 50
SAMPLES: list[dict[str, Any]] = [
    {"type": "task_request", "request_id": "r1", "payload": {"skill": "echo", "args": {"data": 1}}},
    {"type": "task_response", "request_id": "r2", "payload": {"result": 1}},
    {"type": "task_stream_chunk", "request_id": "r3", "payload": {"n": 1, "item": "x"}},
    {"type": "agent_prompt", "request_id": "r4", "payload": {"message": "x"}, "path": ["b"]},
    {"type": "skill_query", "request_id": "r5", "payload": {"skill": "echo"}},
    {"type": "cancel", "request_id": "r6"},
    {"type": "progress", "request_id": "r7", "payload": {"fraction": 0.5}},
]


class Channel:
    """The door: one link while it lives, else the next."""

    def __init__(self, liar: Liar, profile: Profile, stack: AsyncExitStack) -> None:
        self.liar, self.profile, self.stack = liar, profile, stack
        self.engine = load("wrtc")
        self.stack.push_async_callback(self.engine.close)
        self.attempt: Attempt | None = None
        self.n = self.agents = self.s = self.answers = self.told = self.read = 0
        self.cuts = self.cuts_after_hello = 0

    async def fresh(self) -> Attempt:
        """An offer of an agent that nobody knows yet, connected, not greeted."""
        self.agents += 1  # of a name below every worker's: the lower one offers
        unknown = Serial("unknown")
        who = enrol(self.profile, f"aaa{self.agents}", ask_registry=lambda *_: unknown)
        self.stack.enter_context(closing(who))
        me = who.me()
        attempt = await Hostile(me, self.liar.ghost(me.id), self.engine).offer("w")
        await attempt.connect()
        return attempt

    async def bad(self, data: bytes) -> None:
        self.n += 1
        if whole(data):
            await self.inside(data)
        else:
            await self.frame(data, greet=self.n % 3 > 0)

    async def inside(self, data: bytes) -> None:
        """A damaged message in a sound frame, and a ping, which is answered; or the whole frame is
        named as one that cannot be read."""
        if self.attempt is None:
            self.attempt, self.s, self.read = await self.fresh(), 0, 0
            await self.greet(self.attempt)
        self.s += 1
        ping, start = b'{"type":"ping","request_id":"p%d"}' % self.n, len(self.attempt.got)
        self.attempt.channel.send(b'{"s":%d,"a":0,"m":[%s,%s]}' % (self.s, data, ping))
        if await self.ended(self.attempt, start, b'"p%d"' % self.n, b'"frame":%d' % self.s):
            self.cuts += 1
            await self.leave(self.attempt)
            self.attempt = None
        else:
            self.answers += 1
            # Not each is wrong, and an error may come after the pong: they count in all.
            self.told += sum(b'"error"' in frame for frame in self.attempt.got[self.read :])
            self.read = len(self.attempt.got)

    async def frame(self, data: bytes, greet: bool) -> None:
        """A damaged frame, in the place of hello or after it: the link ends, or lives."""
        attempt = await self.fresh()
        if greet:
            await self.greet(attempt)
        attempt.channel.send(data[:200_000])  # an engine sends no more at once
        if greet:
            # Twice: a frame whose numbers can be read has counted, whatever was in it.
            for number in (1, 2):
                ping = b'{"s":%d,"a":0,"m":[{"type":"ping","request_id":"z"}]}' % number
                attempt.channel.send(ping)
        ended = await self.ended(attempt, 0, b'"z"')
        self.cuts += ended
        self.cuts_after_hello += ended and greet
        await self.leave(attempt)

    async def leave(self, attempt: Attempt) -> None:
        """As a client that ends: the registry would tell."""
        me = attempt.owner.me
        await attempt.close()
        await self.liar.left("w", me.id, me.incarnation)

    async def greet(self, attempt: Attempt) -> None:
        from chatixia.wire.base import encode

        attempt.channel.send(encode(attempt.hello()))
        await attempt.frame(lambda data: b'"hello"' in data)

    async def ended(self, attempt: Attempt, start: int, *signs: bytes) -> bool:
        """Whether the agent closed; False when it answered with one of these, in what came from
        ``start`` on. Each frame is looked at once: what is never acknowledged comes again and
        again, and one link gets thousands."""
        async with asyncio.timeout(HANG):
            while not attempt.over.is_set():
                attempt.news.clear()
                new = attempt.got[start:]
                if any(sign in data for data in new for sign in signs):
                    return False
                start += len(new)
                news = asyncio.ensure_future(attempt.news.wait())
                over = asyncio.ensure_future(attempt.over.wait())
                await asyncio.wait({news, over}, return_when=asyncio.FIRST_COMPLETED)
                for each in (news, over):
                    each.cancel()
        return True


def whole(data: bytes) -> bool:
    """Whether a mutant may stand inside a frame as JSON."""
    if data.count(b"[") + data.count(b"{") > 400:
        return False  # this very process shall not end up at the bound of its stack
    try:
        json.loads(data)
        data.decode()
    except (ValueError, RecursionError):
        return False
    return len(data) < 16_000 and b"NaN" not in data


COUNTS = [FEW, pytest.param(MANY, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]


@pytest.mark.parametrize("count", COUNTS)
async def test_a_hostile_members_frames_are_answered_or_end_its_link(net: TestMesh, count: int):
    net.up()
    async with Liar(net.port) as liar, AsyncExitStack() as stack, net.client() as mesh:
        worker = net.worker
        url = liar.url
        await asyncio.to_thread(lambda: worker("w", CHATIXIA_REGISTRY_URL=url))
        door = Channel(liar, Profile.open(home=net.procs.home), stack)

        async def pour(many: int, seed: int) -> None:
            for n, (_, data) in enumerate(mutants(SAMPLES, many, seed), 1):
                await door.bad(data)
                if n % EVERY == 0:
                    assert await mesh.agent("w", timeout=HANG).echo(data="good") == "good"

        # Until the heap has its size: connections come and go faster than the engine frees them.
        await pour(max(2 * FEW, count // 4), 1)
        cost = Cost(net.workers["w"].pid)
        await pour(count, 2)
        assert door.answers > count / 4 and door.cuts > count / 10, (door.answers, door.cuts)
        assert door.told > door.answers / 2, (door.told, door.answers)
        assert door.cuts_after_hello > count / 20, door.cuts_after_hello
        if door.attempt:
            await door.leave(door.attempt)
        await asyncio.to_thread(cost.settled, FORGET_SECONDS + BAR_SECONDS)
        await asyncio.to_thread(net.workers["w"].kill)


def said_large() -> Iterator[bytes]:
    """One message that says itself that it is 100 MB long."""
    parts = BODY // CHUNK
    for n in range(parts):
        yield write_fragment(Fragment(n + 2, 0, 1, n, parts, b"x" * CHUNK))


def never_whole() -> Iterator[bytes]:
    """Eight messages of the largest size at once, of which none is ever whole."""
    for n in range(BODY // CHUNK):
        at, which = divmod(n, 8)
        yield write_fragment(Fragment(n + 2, 0, which, at, MAX_PARTS, b"x" * CHUNK))


IN_ENGINE = 5 * MIB
"""What the agent's engine takes from the network (its SCTP window) before the agent reads it: on a
busy machine it fills, and counts as sent here."""


async def flood(attempt: Attempt, frames: Iterator[bytes]) -> int:
    """Bytes that went out before the agent ended the link; none lie about in our own engine."""
    sent = 0
    # The link must stand: before that it is the smaller bound of early frames that ends it.
    attempt.channel.send(b'{"s":1,"a":0,"m":[{"type":"ping","request_id":"z"}]}')
    await attempt.frame(lambda data: b'"z"' in data)
    async with asyncio.timeout(HANG):
        for frame in frames:
            while attempt.channel.buffered > CHUNK and not attempt.over.is_set():
                await asyncio.sleep(0)
            try:
                attempt.channel.send(frame)
            except EngineRefused:
                break
            sent += len(frame)
        await attempt.over.wait()
    return sent


@pytest.mark.parametrize(("frames", "bound"), [(said_large, 0), (never_whole, MAX_MESSAGE)])
async def test_100_mb_over_a_link_are_refused_early(net: TestMesh, frames: Any, bound: int):
    net.up()
    async with Liar(net.port) as liar, AsyncExitStack() as stack, net.client() as mesh:
        worker = net.worker
        url = liar.url
        await asyncio.to_thread(lambda: worker("w", CHATIXIA_REGISTRY_URL=url))
        door = Channel(liar, Profile.open(home=net.procs.home), stack)
        agent = mesh.agent("w", timeout=HANG)
        assert await agent.echo(data="y" * 1_000_000) == "y" * 1_000_000
        await door.greet(first := await door.fresh())
        await flood(first, frames())  # the heap has its size from now on
        await door.leave(first)
        cost = Cost(net.workers["w"].pid)
        await door.greet(attempt := await door.fresh())
        sent = await flood(attempt, frames())
        most = bound + MIB + IN_ENGINE
        assert bound <= sent < most, f"{sent} bytes went; the bound is {bound}"
        await door.leave(attempt)
        assert await agent.echo(data="good") == "good"
        await asyncio.to_thread(cost.settled)
        await asyncio.to_thread(net.workers["w"].kill)
