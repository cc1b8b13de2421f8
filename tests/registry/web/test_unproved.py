"""Timers and the log of what proved nothing."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest

from chatixia.registry.web.acceptor import PendingArrival
from chatixia.registry.web.protocols import HttpProtocol
from chatixia.registry.web.unproved import CONNECTION, UnprovedConnection, proved
from tests.registry.doors import agent
from tests.registry.strangers import HEALTH, OK, bounded, raw
from tests.until import until

HOLDERS = PendingArrival, HttpProtocol, UnprovedConnection


async def test_a_login_leaves_the_count_and_gives_its_address_a_reserve(tmp_path: Path):
    async with bounded(tmp_path, loopback=2, reserve=2) as registry:
        unproved = registry.running.service.unproved
        await agent(registry, "a")
        lines = [await raw(registry) for _ in range(5)]
        await lines[0].ended()
        assert len(unproved) == 4, "share and reserve; the login itself is a member's"


async def test_many_that_are_closed_are_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    async with bounded(tmp_path, loopback=2, seconds=0.5) as registry:
        lines = [await raw(registry) for _ in range(30)]
        for line in lines:
            await line.ended()
        await (await raw(registry, HEALTH)).until(OK)
    noted = [r.getMessage() for r in caplog.records if "proved nothing" in r.getMessage()]
    assert len(noted) == 1, noted


@pytest.mark.parametrize("said", [b"", HEALTH[:-2], HEALTH])
async def test_what_a_closed_connection_held_waits_for_no_collection(tmp_path: Path, said: bytes):
    """Collections are rare, and a connection may leave a whole header behind."""

    def left() -> int:
        return sum(isinstance(one, HOLDERS) for one in gc.get_objects())

    async with bounded(tmp_path) as registry:
        await (await raw(registry, HEALTH)).until(OK)
        gc.collect()
        gc.disable()
        try:
            before = left()
            lines = [await raw(registry, said) for _ in range(5)]
            await until(lambda: left() > before)
            for line in lines:
                line.writer.close()
            await until(lambda: left() <= before)
        finally:
            gc.enable()


async def test_a_stop_ends_those_that_wait(tmp_path: Path):
    async with bounded(tmp_path) as registry:
        line = await raw(registry, HEALTH[:-2])
        await until(lambda: len(registry.running.service.unproved))
        await registry.stop()
        await line.ended()
        await registry.start()


def test_a_scope_without_a_connection_proves_to_nobody():
    class Told:
        times = 0

        def proved(self) -> None:
            self.times += 1

    told: Any = Told()
    proved({})
    proved({CONNECTION: told})
    assert told.times == 1
