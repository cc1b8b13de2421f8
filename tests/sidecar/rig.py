"""A sidecar on a real socket over a port that a test scripts, and a program of raw lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from chatixia.core.ports import CallAnswer, Incoming, Outgoing, Pong
from chatixia.errors import BadArguments, MeshError, UnknownAgent
from chatixia.ids import AgentId
from chatixia.sidecar.server import SidecarServer
from chatixia.wire.peer import SkillInfo
from chatixia.wire.signaling import LinkReport
from chatixia.world import REAL

ME = AgentId("weather")
PATIENCE = 10.0


class ScriptedStream:
    """A stream of given items; `closed` once it was left."""

    def __init__(self, items: list[bytes], error: MeshError | None = None) -> None:
        self._items, self._error = items, error
        self.via, self.event, self.artifacts, self.arrived = "direct", b"", (), len(items)
        self.taken = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for item in self._items:
            self.taken += 1
            yield item
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self.closed = True


class ScriptedPort:
    """A mesh port whose far end is the test."""

    def __init__(self) -> None:
        self.id = ME
        self.asked: list[Outgoing] = []
        self.verbs: list[tuple[str, Any]] = []
        self.peers: list[str] = []
        self.skills: list[SkillInfo] = []
        self.slots = 0
        self.handler: Any = None
        self.answer: Callable[[Outgoing], Awaitable[CallAnswer]] = self.echo
        self.reply: Any = None
        self.streams: list[ScriptedStream] = []
        self.pushes: list[Any] = []

    async def echo(self, outgoing: Outgoing) -> CallAnswer:
        return CallAnswer(outgoing.body, "direct", 1.0, outgoing.target)

    async def call(self, outgoing: Outgoing) -> CallAnswer:
        self.asked.append(outgoing)
        return await self.answer(outgoing)

    def stream(self, outgoing: Outgoing) -> Any:
        self.asked.append(outgoing)
        return self.streams.pop(0)

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        self.verbs.append((name, request))
        if isinstance(self.reply, MeshError):
            raise self.reply
        return self.reply

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        if target == "nobody":
            raise UnknownAgent
        return Pong(target, "direct", 0.5)

    def links(self) -> list[LinkReport]:
        return [LinkReport(peer, "direct") for peer in self.peers]

    def serve(self, handler: Any, skills: Any, slots: int) -> None:
        self.handler, self.skills, self.slots = handler, list(skills), slots

    async def watch(self, task_id: str, timeout: float) -> AsyncIterator[Any]:
        for push in self.pushes:
            yield push


class Answers:
    """A responder that keeps what it is told."""

    def __init__(self) -> None:
        self.value: bytes | None = None
        self.error: MeshError | None = None
        self.items: list[bytes] = []
        self.steps: list[tuple[float, str]] = []
        self.lent: list[Any] = []
        self.open = asyncio.Event()
        self.open.set()

    def reply(self, result: bytes, table: Any = ()) -> None:
        assert self.value is None and self.error is None
        self.value = result

    def fail(self, error: MeshError) -> None:
        assert self.value is None and self.error is None
        self.error = error

    async def lend(self, sources: Any) -> tuple[Any, ...]:
        for source in sources:
            await source.describe()
            self.lent.append(await source.read(0, 3))
        return ()

    async def item(self, chunk: bytes, table: Any = (), event: bytes = b"") -> None:
        await self.open.wait()
        self.items.append(chunk)

    def progress(self, fraction: float, note: str) -> None:
        self.steps.append((fraction, note))


def incoming(skill: str = "forecast", body: bytes = b'{"city":"Oslo"}', **more: Any) -> Incoming:
    fields: dict[str, Any] = {
        "caller": AgentId("alice"),
        "request_id": "r-1",
        "kind": "task",
        "stream": False,
        "path": ("carol", "alice"),
        "deadline": REAL.monotonic() + 30,
        "traceparent": "00-a-b-01",
        "via": "direct",
        "key": "r-1",
    } | more
    return Incoming(skill=skill, body=msgspec.Raw(body), **fields)


class FlatFolder:
    """Files of one folder."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.removed: list[str] = []

    @property
    def path(self) -> str:
        return str(self.place)

    def source(self, file: Any) -> Any:
        from chatixia.client.artifact_sources import FileSource

        if not file.path.startswith(self.path):
            raise BadArguments("elsewhere")
        return FileSource(file.path, file.name, file.media_type)

    async def save(self, feed: Any) -> str:
        target = self.place / feed.info.name
        target.write_bytes(b"".join([chunk async for chunk in feed.pull(0)]))
        return str(target)

    def remove(self, path: str) -> None:
        self.removed.append(path)


class MeshOfPort:
    """What a sidecar stands on."""

    label, key, url, is_online = "home", "7f3a-91c2", "http://127.0.0.1:8080", True

    def __init__(self, port: ScriptedPort) -> None:
        self.port: Any = port


class RawProgram:
    """A program that writes and reads JSON lines itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def write(self, *lines: Any) -> None:
        for line in lines:
            data = line if isinstance(line, bytes) else json.dumps(line).encode()
            self.writer.write(data + b"\n")

    def command(self, kind: str, number: int = 0, cause: int = 0, **payload: Any) -> None:
        line: dict[str, Any] = {"type": kind, "payload": payload}
        line |= {"id": number} if number else {}
        line |= {"for": cause} if cause else {}
        self.write(line)

    async def line(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            data = await self.reader.readline()
        assert data, "the sidecar hung up"
        return json.loads(data)

    async def next(self, kind: str) -> dict[str, Any]:
        line = await self.line()
        assert line["type"] == kind, line
        return line

    async def asks(self, kind: str, number: int = 1, cause: int = 0, **payload: Any) -> Any:
        """Send a command and give its result's payload, or its error's."""
        self.command(kind, number, cause, **payload)
        line = await self.line()
        assert line.get("id") == number and line["type"] in ("result", "error"), line
        return line["payload"]

    async def hello(self, *skills: str, **more: Any) -> dict[str, Any]:
        named = [{"name": name, **more.pop(name, {})} for name in skills]
        return (await self.asks("hello", 99, skills=named, **more))["value"]

    async def ended(self) -> bytes:
        """All that comes until the sidecar hangs up."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def close(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Rig:
    """A sidecar and the means to reach it."""

    def __init__(self, path: Path, port: ScriptedPort, server: SidecarServer, files: Any) -> None:
        self.path, self.port, self.server, self.files = path, port, server, files
        self.programs: list[RawProgram] = []
        self.hellos: list[Any] = []
        self.requests: list[asyncio.Task[None]] = []

    async def program(self) -> RawProgram:
        path = str(self.path)
        reader, writer = await asyncio.open_unix_connection(path, limit=2 * 1024 * 1024)
        program = RawProgram(reader, writer)
        self.programs.append(program)
        return program

    def ask(self, request: Incoming) -> tuple[Answers, asyncio.Task[None]]:
        """Let the mesh ask for something."""
        answers = Answers()

        async def serve() -> None:
            await self.port.handler(request, answers)

        task = asyncio.ensure_future(serve())
        self.requests.append(task)
        return answers, task


@contextlib.asynccontextmanager
async def sidecar(folder: Path, **more: Any) -> AsyncIterator[Rig]:
    """A sidecar that listens in ``folder``."""
    port, place = ScriptedPort(), folder / "files"
    place.mkdir()
    files, tcp = FlatFolder(place), more.pop("tcp", False)
    hellos: list[Any] = []
    server = SidecarServer(MeshOfPort(port), files, on_hello=hellos.append, **more)
    server.begin()
    await server.listen(folder / "s.sock", tcp=tcp)
    rig = Rig(folder / "s.sock", port, server, files)
    rig.hellos = hellos
    try:
        yield rig
    finally:
        for program in rig.programs:
            await program.close()
        await server.stop()
        for task in rig.requests:
            task.cancel()
        await asyncio.gather(*rig.requests, return_exceptions=True)
