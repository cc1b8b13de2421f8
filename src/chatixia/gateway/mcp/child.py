"""A server that this process starts: messages by its standard input and output, with bounds.

It gets a few variables of the environment and those that are named for it, and no others; it is a
process group of its own, and all of that ends with the connection.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import mcp_types as types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from chatixia.errors import ConfigError, TooLarge

from .flood import MAX_MESSAGE, FloodGuard
from .pipes import MessagePipes, Streams
from .stdio import BLOCK, LineSplitter

PASSED_ON: Final = (
    "HOME",
    "LANG",
    "LOGNAME",
    "PATH",
    "SHELL",
    "SYSTEMROOT",
    "TERM",
    "TMPDIR",
    "USER",
)
"""Variables that every server gets."""
END_S: Final = 1.0
"""Seconds that it has to end, first by itself, then by SIGTERM."""


@asynccontextmanager
async def child(
    command: Sequence[str],
    env: Mapping[str, str],
    folder: Path | None,
    ended: Callable[[str], None],
    *,
    is_loud: bool = False,
) -> AsyncIterator[Streams]:
    """Start it, and end it with the block. ``ended``: hears why nothing more will come.
    ``is_loud``: its standard error is ours. Raises ConfigError where it cannot be started."""
    process = await _start(command, env, folder, is_loud)
    pipes = MessagePipes()
    carriers = _receive(process, pipes.arriving, ended), _send(process, pipes.leaving)
    try:
        async with pipes.carried(*carriers) as streams:
            yield streams
    finally:
        await _end(process)


async def _start(
    command: Sequence[str], env: Mapping[str, str], folder: Path | None, is_loud: bool
) -> asyncio.subprocess.Process:
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if is_loud else asyncio.subprocess.DEVNULL,
            env={**passed_on, **env},
            cwd=folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"{command[0][:200]} cannot be started: {reason}.") from None


async def _receive(
    process: asyncio.subprocess.Process,
    arriving: MemoryObjectSendStream[Any],
    ended: Callable[[str], None],
) -> None:
    assert process.stdout is not None
    flood, splitter, reason = FloodGuard(), LineSplitter(MAX_MESSAGE), "It ended."
    async with arriving:
        try:
            while data := await process.stdout.read(BLOCK):
                flood.count(len(data))
                for line in splitter.feed(data):
                    await _deliver(line, arriving)
        except TooLarge as error:
            reason = error.message
            _signal(process, signal.SIGKILL)
        except OSError as error:
            reason = f"It cannot be read ({type(error).__name__})."
        ended(reason)


async def _deliver(line: bytes | None, arriving: MemoryObjectSendStream[Any]) -> None:
    if line is None:
        raise TooLarge(f"A message of it has more than {MAX_MESSAGE} bytes.")
    if not line.strip():
        return
    try:
        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        return  # servers print what is no message
    await arriving.send(SessionMessage(message))


async def _send(
    process: asyncio.subprocess.Process, leaving: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # it reads no more; its end is noticed where it is read
        async with leaving:
            async for one in leaving:
                text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                process.stdin.write(text.encode() + b"\n")
                await process.stdin.drain()


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            _signal(process, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await process.wait()
                break
    _signal(process, signal.SIGKILL)  # what it has started itself
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(OSError):
        os.killpg(process.pid, number)
