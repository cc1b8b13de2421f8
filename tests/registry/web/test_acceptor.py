"""Accepting: counted before TLS, in time, and by turns."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from chatixia.assembly.serve import addresses
from tests.registry.doors import HANG
from tests.registry.strangers import HEALTH, OK, bounded, raw
from tests.until import until


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture
def lan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "lan_addresses", lambda: ["127.0.0.1", "::1"])


@pytest.mark.usefixtures("lan")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_handshake_that_is_never_finished_is_counted_and_ended(tmp_path: Path, host: str):
    async with bounded(tmp_path, lan=True, seconds=0.5, loopback=3) as registry:
        port = int(registry.running.started.urls[1].rpartition(":")[2])
        lines = [await raw(registry, host=host, port=port) for _ in range(4)]
        assert await lines[0].ended() == b"", "the oldest makes room"
        assert 0 < len(registry.running.service.unproved) <= 3
        hello = HEALTH.replace(b"127.0.0.1", b"[::1]" if ":" in host else b"127.0.0.1")
        good = await raw(registry, hello, host=host, port=port, ssl=trusting())
        await good.until(OK)
        await lines[3].ended()
        await until(lambda: not len(registry.running.service.unproved), HANG)


@pytest.mark.usefixtures("lan")
@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"\0" * 99]
)
async def test_what_is_no_tls_ends_without_a_traceback(
    tmp_path: Path, said: bytes, caplog: pytest.LogCaptureFixture
):
    async with bounded(tmp_path, lan=True, seconds=0.5) as registry:
        port = int(registry.running.started.urls[1].rpartition(":")[2])
        await (await raw(registry, said, port=port)).ended()
    assert not [r for r in caplog.records if r.levelname == "ERROR"], caplog.text


@pytest.mark.usefixtures("lan")
@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_handshake_that_waits_for_its_turn_loses_nothing(
    tmp_path: Path, factory: Callable[[], asyncio.AbstractEventLoop]
):
    async def many() -> None:
        async with bounded(tmp_path, lan=True) as registry:
            port = int(registry.running.started.urls[1].rpartition(":")[2])

            async def one() -> None:
                line = await raw(registry, HEALTH, port=port, ssl=trusting())
                await line.until(OK)

            await asyncio.gather(*(one() for _ in range(100)))

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(many())


async def test_idle_lines_of_an_address_past_its_share_make_room(tmp_path: Path):
    async with bounded(tmp_path, loopback=3, loopback_rate=1, loopback_burst=5) as registry:
        lines = [await raw(registry) for _ in range(20)]
        for line in lines[:17]:
            await line.ended()
        assert len(registry.running.service.unproved) == 3
        await lines[19].say(HEALTH)
        await lines[19].until(OK)


async def test_above_the_rate_a_request_waits_for_its_turn(tmp_path: Path):
    async with bounded(tmp_path, loopback_rate=20, loopback_burst=2) as registry:
        lines = [await raw(registry, HEALTH) for _ in range(8)]
        start = asyncio.get_running_loop().time()
        for line in lines:
            await line.until(OK)
        assert asyncio.get_running_loop().time() - start > 0.1, "six waited for a turn"


async def test_what_is_no_http_is_answered_at_once(tmp_path: Path):
    async with bounded(tmp_path) as registry:
        assert (await (await raw(registry, b"\x16\x03\x01\x02\x00\x01")).ended()).startswith(
            b"HTTP/1.1 400 "
        )
