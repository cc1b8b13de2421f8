"""A chat completions endpoint that a test plays itself: it sees who leaves, and can fall silent.

What a client sends and gets is the public form of OpenAI's chat completions, by server-sent events.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any


class Asked:
    """One request. ``left``: set when its client closed the connection, at ``left_at``."""

    def __init__(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        self.body = body
        self.left = asyncio.Event()
        self.left_at = 0.0
        self.said_at: list[float] = []
        self._writer = writer
        self._begun = False

    @property
    def texts(self) -> list[str]:
        """What the messages say, with their role before."""
        return [f"{m['role']}: {m.get('content')}" for m in self.body["messages"]]

    async def say(self, text: str) -> None:
        """A piece of the answer."""
        self.said_at.append(time.monotonic())
        await self._delta({"content": text})

    async def call(self, *calls: tuple[str, str, str]) -> None:
        """Calls of tools: (id, name, arguments)."""
        for n, (id, name, arguments) in enumerate(calls):
            function = {"name": name, "arguments": arguments}
            await self._delta({"tool_calls": [{"index": n, "id": id, "function": function}]})

    async def end(self, reason: str = "stop", tokens: tuple[int, int] = (10, 5)) -> None:
        """The end of the answer, with what it used."""
        await self._delta({}, reason)
        before, after = tokens
        usage = {"prompt_tokens": before, "completion_tokens": after}
        await self._event({"choices": [], "usage": usage | {"total_tokens": before + after}})
        await self._chunk(b"data: [DONE]\n\n")
        await self._chunk(b"")

    async def refuse(self, status: int, text: str = "no", **headers: str) -> None:
        """An error instead of an answer."""
        body = json.dumps({"error": {"message": text, "type": "x", "code": None}}).encode()
        more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self._writer.write(
            f"HTTP/1.1 {status} No\r\nContent-Type: application/json\r\n{more}"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await self._writer.drain()

    def hang_up(self) -> None:
        """Close the connection in the middle."""
        self._writer.transport.abort()

    async def _delta(self, delta: dict[str, Any], reason: str | None = None) -> None:
        await self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    async def _event(self, event: dict[str, Any]) -> None:
        if not self._begun:
            self._begun = True
            self._writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
        whole = {"id": "c", "object": "chat.completion.chunk", "created": 1} | event
        whole["model"] = self.body.get("model", "m")
        await self._chunk(b"data: " + json.dumps(whole).encode() + b"\n\n")

    async def _chunk(self, data: bytes) -> None:
        self._writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self._writer.drain()


Play = Callable[[Asked], Awaitable[None]]


class ChatEndpoint:
    """Serves ``play`` at ``url`` while it is entered; ``asked``: the requests so far."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.asked: list[Asked] = []
        self.url = ""

    async def __aenter__(self) -> ChatEndpoint:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while head := await _head(reader):
                body = json.loads(await reader.readexactly(head))
                await self._answer(Asked(body, writer), reader)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader) -> None:
        self.asked.append(asked)
        playing = asyncio.ensure_future(self._play(asked))
        leaving = asyncio.ensure_future(reader.read(1))  # a client that waits sends nothing
        try:
            await asyncio.wait([playing, leaving], return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and not playing.done():
                asked.left_at = time.monotonic()
                asked.left.set()
                raise ConnectionResetError
            await playing
        finally:
            playing.cancel()
            leaving.cancel()
            await asyncio.wait([playing, leaving])


async def _head(reader: asyncio.StreamReader) -> int:
    """The length of the next request's body; 0 at the end."""
    line = await reader.readline()
    length = 0
    while line not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        if name.lower() == "content-length":
            length = int(value)
        line = await reader.readline()
    return length
