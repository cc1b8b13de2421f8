"""A server's process: what it prints that is no message, and how it ends."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import mcp_types as types
import pytest
from mcp.shared.message import SessionMessage

from chatixia.errors import ConfigError
from chatixia.gateway.mcp import child as module
from chatixia.gateway.mcp.child import child
from tests.until import until

ECHO = """
import sys
print("Welcome!")
print()
for line in sys.stdin:
    sys.stdout.write(line)
    sys.stdout.flush()
"""
DEAF = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
other = subprocess.Popen(["sleep", "600"])
print(os.getpid(), other.pid, file=open(sys.argv[1], "w"), flush=True)
signal.pause()
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_what_is_no_message_is_passed_over():
    reasons: list[str] = []
    async with child((sys.executable, "-c", ECHO), {}, None, reasons.append) as (received, sent):
        note = types.JSONRPCNotification(jsonrpc="2.0", method="hello")
        await sent.send(SessionMessage(note))
        answer = await asyncio.wait_for(received.receive(), 10)
        assert isinstance(answer, SessionMessage)
        assert answer.message.method == "hello"  # type: ignore[union-attr]
        assert not reasons


async def test_its_end_is_told():
    reasons: list[str] = []
    async with child((sys.executable, "-c", ""), {}, None, reasons.append):
        await until(lambda: reasons)
    assert reasons == ["It ended."]


async def test_one_that_will_not_end_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "END_S", 0.05)
    place = tmp_path / "pids"
    async with child((sys.executable, "-c", DEAF, str(place)), {}, tmp_path, lambda _: None):
        await until(lambda: place.exists() and place.read_text().strip())
        pids = [int(pid) for pid in place.read_text().split()]
        assert all(map(alive, pids))
    await until(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize("command", [("/no/such",), (os.devnull,), ("a\0b",)])
async def test_what_cannot_be_started(command: tuple[str, ...]):
    with pytest.raises(ConfigError, match="cannot be started"):
        async with child(command, {}, None, lambda _: None):
            pass
