"""Health, readiness and status of a registry."""

from __future__ import annotations

from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import agent, http_call


async def test_ready_says_no_while_it_stops(registry: RegistryHarness):
    assert (await http_call(registry, "GET", "/readyz")).json == {"status": "ready"}
    registry.running.service.status.ready = False
    answer = await http_call(registry, "GET", "/readyz")
    assert answer.status == 503 and answer.headers["retry-after"]
    assert (await http_call(registry, "GET", "/healthz")).status == 200


async def test_the_status_counts_who_is_connected(registry: RegistryHarness):
    asker = await agent(registry, "asker")
    await agent(registry, "worker", "x")
    status = (await asker.verb("status"))["body"]
    assert status["agents"] == 2 and status["mesh"] == registry.profile.mesh
    assert not status.get("links") and registry.url in status["addresses"]
