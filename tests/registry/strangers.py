"""A registry with small bounds for those who have proved nothing, and raw lines to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from chatixia.assembly.profile.profile import Profile
from chatixia.testing.registry import RegistryHarness

from .doors import HANG, OPENED

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
OK = b'{"status":"ok"}'


@asynccontextmanager
async def bounded(home: Path, lan: bool = False, **limits: Any) -> AsyncIterator[RegistryHarness]:
    """A registry in this process under these ``unproved`` bounds."""
    folder = Profile.create("", home=home).registry_identity().folder
    (folder / "registry.yaml").write_text(yaml.safe_dump({"unproved": limits}))
    async with RegistryHarness(home, lan=lan) as registry:
        try:
            yield registry
        finally:
            while OPENED:
                await OPENED.pop()()


class RawLine:
    """A connection that says bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until(self, mark: bytes) -> bytes:
        """What is read up to ``mark``."""
        async with asyncio.timeout(HANG):
            return await self.reader.readuntil(mark)

    async def ended(self) -> bytes:
        """What is read up to the end of the connection."""
        said = b""
        async with asyncio.timeout(HANG):
            try:
                while part := await self.reader.read(65536):
                    said += part
            except ConnectionError:
                pass
        return said


async def raw(registry: RegistryHarness, first: bytes = b"", **more: Any) -> RawLine:
    """A line to the registry's loopback listener (``port`` and ``ssl`` for another)."""
    where = {"host": "127.0.0.1", "port": registry.running.started.port, **more}
    line = RawLine(*await asyncio.open_connection(**where))

    async def close() -> None:
        line.writer.transport.abort()

    OPENED.append(close)
    if first:
        await line.say(first)
    return line
