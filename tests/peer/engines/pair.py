"""Two connections joined in one process, with signaling by direct calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from chatixia.core import sdp
from chatixia.peer.engines.base import Candidate, Channel, Connection, Engine, EngineRefused

SECONDS = 60.0


class End:
    """One end of a link: its connection, its channel and what it saw."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.channel: Channel | None = None
        self.candidates: list[Candidate | None] = []
        self.states: list[str] = []
        self.frames: list[bytes | str] = []
        self.opened, self.closed, self.got = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.wanted = 0
        connection.on_candidate = self.candidates.append
        connection.on_state = self.states.append
        connection.on_channel = self.adopt

    def adopt(self, channel: Channel) -> None:
        assert channel.state == "open"
        assert self.connection.remote_fingerprint() is not None
        self.hold(channel)
        self.opened.set()

    def hold(self, channel: Channel) -> None:
        self.channel = channel
        channel.on_open = self.opened.set
        channel.on_close = self.closed.set
        channel.on_message = self.receive

    def receive(self, data: bytes | str) -> None:
        self.frames.append(data)
        if len(self.frames) >= self.wanted:
            self.got.set()

    async def frames_to(self, count: int) -> list[bytes | str]:
        self.wanted = count
        if len(self.frames) < count:
            self.got.clear()
            async with asyncio.timeout(SECONDS):
                await self.got.wait()
        return self.frames

    def send(self, data: bytes) -> None:
        assert self.channel is not None
        self.channel.send(data)


def trickle(source: End, target: End) -> None:
    """Pass on what was gathered so far and all that comes."""

    async def add(candidate: Candidate | None) -> None:
        with suppress(EngineRefused):  # the test may be over before the last one
            await target.connection.add_candidate(candidate)

    def pass_on(candidate: Candidate | None) -> None:
        tasks.add(task := asyncio.ensure_future(add(candidate)))
        task.add_done_callback(tasks.discard)

    tasks: set[asyncio.Task[None]] = set()
    for candidate in source.candidates:
        pass_on(candidate)
    source.connection.on_candidate = pass_on


async def gathered(end: End) -> list[Candidate | None]:
    """What the engine gathered, None last."""
    done = asyncio.Event()

    def take(candidate: Candidate | None) -> None:
        end.candidates.append(candidate)
        if candidate is None:
            done.set()

    if None not in end.candidates:
        end.connection.on_candidate = take
        async with asyncio.timeout(SECONDS):
            await done.wait()
    return end.candidates


async def ends(one: Engine, two: Engine) -> tuple[End, End]:
    return End(await one.connection()), End(await two.connection())


async def connect(a: End, b: End) -> None:
    a.hold(a.connection.create_channel("mesh"))
    trickle(a, b)
    trickle(b, a)
    async with asyncio.timeout(SECONDS):
        offer = await a.connection.offer()
        sdp.scan(offer)
        answer = await b.connection.answer(offer)
        sdp.scan(answer)
        await a.connection.accept(answer)
        await a.opened.wait()
        await b.opened.wait()


@asynccontextmanager
async def linked(one: Engine, two: Engine) -> AsyncIterator[tuple[End, End]]:
    a, b = await ends(one, two)
    try:
        await connect(a, b)
        yield a, b
    finally:
        await asyncio.gather(a.connection.close(), b.connection.close())
