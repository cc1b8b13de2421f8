"""Requests of members: a share and a time for each, however little of them comes or is read."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import pytest

from chatixia.core.shares import Shares
from chatixia.errors import DeadlineExceeded, Overloaded
from chatixia.registry.web import requests
from chatixia.registry.web.requests import RequestBudget, declared, in_time
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate
from tests.registry.doors import HANG, http_call, person
from tests.registry.strangers import raw
from tests.until import until


async def key(registry: RegistryHarness, name: str) -> str:
    return str((await registry.running.service.trust.keys.create(person(), KeyCreate(name))).key)


def half(key: str, size: int = 100) -> bytes:
    """A submit whose body never ends."""
    return (
        f"POST /api/hub/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n{{"
    ).encode()


def of(registry: RegistryHarness) -> RequestBudget:
    return registry.running.service.web._requests


async def holding(registry: RegistryHarness, many: int) -> None:
    await until(lambda: len(of(registry)) == many, HANG)


async def test_half_requests_of_one_machine_leave_room_for_others(registry: RegistryHarness):
    of(registry)._many = Shares(16)
    weak, other = await key(registry, "weak"), await key(registry, "other")
    lines = [await raw(registry, half(weak)) for _ in range(12)]
    await holding(registry, 12)
    late = await raw(registry, half(weak))
    assert (await late.until(b"}")).startswith(b"HTTP/1.1 429 ")
    assert (await http_call(registry, "GET", "/api/status", x_api_key=other)).status == 200
    for line in lines:
        line.writer.close()
    await holding(registry, 0)
    assert (await http_call(registry, "GET", "/api/status", x_api_key=weak)).status == 200


async def test_bytes_that_one_machine_announces_are_its_share(registry: RegistryHarness):
    of(registry).sizes = Shares(1600)
    weak, other = await key(registry, "weak"), await key(registry, "other")
    await raw(registry, half(weak, 1200))
    await holding(registry, 1)
    body = {"skill": "x", "payload": {"plain": 1}}
    refused = await http_call(registry, "POST", "/api/hub/tasks", body, x_api_key=weak)
    assert (refused.status, refused.code) == (429, "busy")
    assert refused.headers["retry-after"] == "1"
    assert (
        await http_call(registry, "POST", "/api/hub/tasks", body, x_api_key=other)
    ).status == 200


async def test_a_body_that_never_ends_has_a_time(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.3)
    line = await raw(registry, half(await key(registry, "weak")))
    said = await line.ended()
    assert said.startswith(b"HTTP/1.1 504 ") and b'"outcome":"definite"' in said, said
    await holding(registry, 0)


async def test_an_answer_that_nobody_reads_ends_with_its_connection(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests, "ANSWER_SECONDS", 2.0)
    weak = await key(registry, "weak")
    for _ in range(8):
        body = {"skill": "x", "payload": {"plain": "x" * 500_000}}
        assert (
            await http_call(registry, "POST", "/api/hub/tasks", body, x_api_key=weak)
        ).status == 200
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", int(registry.url.rpartition(":")[2])))
    head = f"GET /api/hub/tasks/all HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {weak}\r\n\r\n"
    line.sendall(head.encode())
    # what waits for its reader is counted
    await until(lambda: of(registry).sizes.used > 3_000_000, HANG)
    await holding(registry, 0)
    assert of(registry).sizes.used == 0
    line.close()
    whole = await http_call(registry, "GET", "/api/hub/tasks/all", x_api_key=weak)
    assert len(whole.json) == 8


async def test_a_strangers_request_counts_where_it_was_accepted():
    made = RequestBudget()
    with made.admit(None, 10**12) as held:
        held.need(1)
        assert not len(made)


async def test_what_a_request_takes_comes_back_however_it_ends():
    made = RequestBudget()
    made.sizes = Shares(1600)
    who: Any = cast(Any, type("Who", (), {"id": "a", "machine": None, "invitation": ""})())
    with pytest.raises(Overloaded), made.admit(who, 10**9):
        pass
    with pytest.raises(ZeroDivisionError), made.admit(who, 100) as held:
        held.need(200)
        held.owe(10**6)
        raise ZeroDivisionError
    assert (made.sizes.used, made._many.used) == (0, 0)


async def test_a_body_in_time_is_given_on(monkeypatch: pytest.MonkeyPatch):
    async def body() -> int:
        return 7

    assert await in_time(body()) == 7
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.01)
    with pytest.raises(DeadlineExceeded) as raised:
        await in_time(asyncio.Event().wait())
    assert raised.value.outcome == "definite"


@pytest.mark.parametrize(
    ("headers", "size"),
    [
        ({}, 0),
        ({"content-length": "5"}, 5),
        ({"content-length": "99999"}, 1000),
        ({"content-length": "-1"}, 1000),
        ({"transfer-encoding": "chunked"}, 1000),
    ],
)
def test_a_body_counts_for_what_it_says(headers: dict[str, str], size: int):
    assert declared(headers, 1000) == size
