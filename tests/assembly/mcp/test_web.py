"""The gateway's server: who proves nothing is cut off, and it ends with its block."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from chatixia.assembly.mcp.process import bound, proved
from chatixia.assembly.mcp.web import serve
from chatixia.core import admission
from chatixia.core.admission import AdmissionLimits
from chatixia.registry.web.unproved import CONNECTION


async def app(scope: Any, receive: Any, send: Any) -> None:
    proved(scope)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def test_it_answers_and_ends():
    sock = bound("127.0.0.1", 0)
    port = sock.getsockname()[1]
    async with serve(app, sock):  # type: ignore[arg-type]  # an application
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"204" in await asyncio.wait_for(reader.readline(), 10)
        writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_small_answer_waits_for_no_acknowledgement():
    delays = []

    async def looking(scope: Any, receive: Any, send: Any) -> None:
        accepted = scope[CONNECTION].transport.get_extra_info("socket")
        delays.append(not accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await app(scope, receive, send)

    sock = bound("127.0.0.1", 0)
    async with serve(looking, sock):  # type: ignore[arg-type]  # an application
        reader, writer = await asyncio.open_connection(*sock.getsockname()[:2])
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"204" in await asyncio.wait_for(reader.readline(), 10)
        writer.close()
    assert delays == [False]


async def test_who_sends_half_a_request_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "chatixia.core.admission.AdmissionLimits", lambda: AdmissionLimits(seconds=0.5)
    )
    assert admission.AdmissionLimits().seconds == 0.5
    sock = bound("127.0.0.1", 0)
    async with serve(app, sock):  # type: ignore[arg-type]  # an application
        reader, writer = await asyncio.open_connection(*sock.getsockname()[:2])
        writer.write(b"GET / HTTP/1.1\r\nhost:")
        assert b"408" in await asyncio.wait_for(reader.read(), 10)
        writer.close()
