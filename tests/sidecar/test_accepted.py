"""Whose connection is taken, and that a program which does not read is not read."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from chatixia.sidecar import sockets
from chatixia.sidecar.accepted import UnixConnection
from chatixia.wire.ipc_events import commands


class Transport(asyncio.Transport):
    """What a connection does to its transport, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return None

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def is_closing(self) -> bool:
        return "close" in self.done

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")

    def close(self) -> None:
        self.done.append("close")


class Connection(UnixConnection):
    """One that notes that it was taken."""

    is_in = False

    def admitted(self) -> None:
        self.is_in = True

    def receive(self, line: Any) -> None:
        raise AssertionError(line)


async def made(monkeypatch: pytest.MonkeyPatch, uid: int) -> tuple[Connection, Transport]:
    monkeypatch.setattr(sockets, "peer_uid", lambda connection: uid)
    connection, transport = Connection(commands), Transport()
    connection.connection_made(transport)
    return connection, transport


async def test_only_this_user_is_let_in(monkeypatch: pytest.MonkeyPatch):
    own, transport = await made(monkeypatch, os.geteuid())
    assert own.is_in and transport.done == []
    other, transport = await made(monkeypatch, os.geteuid() + 1)
    assert not other.is_in and transport.done == ["pause", "close"]


async def test_who_does_not_read_is_not_read(monkeypatch: pytest.MonkeyPatch):
    connection, transport = await made(monkeypatch, os.geteuid())
    connection.pause_writing()
    assert connection.full
    connection.resume_writing()
    assert not connection.full and transport.done == ["pause", "resume"]
    connection.close()
    connection.pause_writing()
    assert transport.done == ["pause", "resume", "close"]
