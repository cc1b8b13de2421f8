"""A registry that lies: it stands before the real one, and changes, drops and invents frames.

    async with Liar(port_of_the_real_one) as liar:          # agents log in at liar.url
        liar.rewrite = lambda who, way, frame: [frame]      # way: "up" from who, "down" to who
        ghost = liar.ghost("aaa")                           # someone whom no registry ever saw

All but `/ws` is passed on as it is, so that the proof of the real registry's key goes through; in
clear, on this machine, that proof cannot tell a proxy (trust.md section 4).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]
Rewrite = Callable[[str, str, Frame], list[Frame]]
HANG = 20.0
MAX = 4 * 1024 * 1024


class Waits:
    """Frames as they came, and a wait for one of them."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._news = asyncio.Event()

    def put(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._news.set()

    async def next(self, *kinds: str, **fields: Any) -> Frame:
        """The first frame of one of these types with these fields; taken out of the list."""
        async with asyncio.timeout(HANG):
            while True:
                for frame in self.frames:
                    if frame.get("type") in kinds and fields.items() <= frame.items():
                        self.frames.remove(frame)
                        return frame
                self._news.clear()
                await self._news.wait()


class Ghost(Waits):
    """Somebody whom only the liar knows: it says what it likes in this name."""

    def __init__(self, liar: Liar, name: str) -> None:
        super().__init__()
        self.liar, self.name = liar, name

    async def send(self, frame: Frame) -> None:
        """To the agent that the frame names, stamped as the registry does."""
        await self.liar.down(frame["target_id"], {**frame, "peer_id": self.name})

    def incarnation_of(self, agent: str) -> str:
        """As the agent said at its login."""
        return str(self.liar.registers[agent]["incarnation"])


class Liar:
    """The proxy. ``seen`` holds (who, way, frame) of all that passed, before it was changed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.rewrite: Rewrite = lambda who, way, frame: [frame]
        self.seen: list[tuple[str, str, Frame]] = []
        self.registers: dict[str, Frame] = {}
        self.together: asyncio.Barrier | None = None  # logins wait here until all have come
        self.passed: list[float] = []  # when each login went on, in seconds
        self.kept: set[str] = set()  # whose socket stays open here though the real one closed it
        self.url = ""
        self._news = asyncio.Event()
        self._lines: dict[str, ServerConnection] = {}
        self._ghosts: dict[str, Ghost] = {}
        self._tcp: asyncio.Server
        self._ws: Server
        self._pumps: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Liar:
        self._ws = await serve(self._lie, "127.0.0.1", 0, compression=None, max_size=MAX)
        self._tcp = await asyncio.start_server(self._door, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{port_of(self._tcp)}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._tcp.close()
        self._ws.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        await self._ws.wait_closed()

    # -- what a test does with it

    def ghost(self, name: str) -> Ghost:
        """An invented member; what agents send to it comes here and goes no further."""
        return self._ghosts.setdefault(name, Ghost(self, name))

    async def joined(self, agent: str, ghost: str, incarnation: str) -> None:
        """Tell an agent that the ghost is there."""
        peer = {"id": ghost, "incarnation": incarnation, "epoch": "1.1"}
        await self.down(agent, {"type": "peer_joined", "peer": peer})

    async def left(self, agent: str, ghost: str, incarnation: str) -> None:
        """Tell an agent that the ghost has gone."""
        gone = {"peer_id": ghost, "incarnation": incarnation, "epoch": "1.1", "clean": True}
        await self.down(agent, {"type": "peer_left", **gone})

    async def down(self, agent: str, frame: Frame) -> None:
        """Say something to an agent in the registry's voice."""
        await self._lines[agent].send(json.dumps(frame))

    async def saw(self, way: str, kind: str, **fields: Any) -> Frame:
        """The first frame of a type, with these fields, that has gone or will go this way."""
        async with asyncio.timeout(HANG):
            while True:
                for _, went, frame in self.seen:
                    if (
                        went == way
                        and frame.get("type") == kind
                        and fields.items() <= frame.items()
                    ):
                        return frame
                self._news.clear()
                await self._news.wait()

    # -- the doors

    async def _door(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            first = await reader.readuntil(b"\r\n")
            port = port_of(self._ws) if first.startswith(b"GET /ws") else self.port
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            far_writer.write(first)
            pumps = [pump(reader, far_writer), pump(far_reader, writer)]
            tasks = [asyncio.ensure_future(each) for each in pumps]
            self._pumps.update(tasks)
            await asyncio.wait(tasks)
            self._pumps.difference_update(tasks)
        writer.close()

    async def _lie(self, near: ServerConnection) -> None:
        url = f"ws://127.0.0.1:{self.port}/ws"
        async with connect(url, compression=None, max_size=MAX, proxy=None) as far:
            who = [""]
            down = asyncio.ensure_future(self._down(near, far, who))
            with contextlib.suppress(ConnectionClosed):
                async for text in near:
                    frames = json.loads(text)
                    for frame in frames if isinstance(frames, list) else [frames]:
                        await self._up(near, far, who, frame)
            await far.close()
            with contextlib.suppress(ConnectionClosed):
                await down

    async def _up(self, near: Any, far: Any, who: list[str], frame: Frame) -> None:
        if frame["type"] == "register":
            who[0] = frame["peer_id"]
            self.registers[who[0]], self._lines[who[0]] = frame, near
            if self.together:
                await self.together.wait()
                self.passed.append(asyncio.get_running_loop().time())
        for said in self._lied(who[0], "up", frame):
            ghost = self._ghosts.get(said.get("target_id", ""))
            if ghost:
                ghost.put({**said, "peer_id": who[0]})
            else:
                try:
                    await far.send(json.dumps(said))
                except ConnectionClosed:
                    if who[0] not in self.kept:
                        raise

    async def _down(self, near: Any, far: Any, who: list[str]) -> None:
        async for text in far:
            frames = json.loads(text)
            for frame in frames if isinstance(frames, list) else [frames]:
                for said in self._lied(who[0], "down", frame):
                    await near.send(json.dumps(said))
        if who[0] in self.kept:
            await near.wait_closed()
        await near.close(far.close_code or 1000, far.close_reason or "")

    def _lied(self, who: str, way: str, frame: Frame) -> list[Frame]:
        self.seen.append((who, way, frame))
        self._news.set()
        if frame["type"] == "config":
            frame = {**frame, "addresses": [self.url]}
        return self.rewrite(who, way, frame)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes from here to there until either ends."""
    try:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def port_of(server: Any) -> int:
    """The port of a listening server."""
    return int(next(iter(server.sockets)).getsockname()[1])
