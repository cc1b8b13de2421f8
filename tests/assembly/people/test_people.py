"""The owner's view of the people, through pages, and where a link leads."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chatixia.assembly.people import people as module
from chatixia.assembly.people.people import PeopleClient, full
from chatixia.testing.registry import RegistryHarness


async def test_all_are_listed_also_behind_the_first_page(tmp_path: Path):
    async with RegistryHarness(tmp_path / "registry") as registry:
        store = registry.running.store.people
        for n in range(203):
            await store.add(f"hub~p{n:03}", "viewer", n.to_bytes(2, "big") * 16, 60.0)

        def read() -> list[str]:
            with PeopleClient(registry.profile) as client:
                assert client.sessions() == []
                return [one.id for one in client.every()]

        assert await asyncio.to_thread(read) == [f"hub~p{n:03}" for n in range(203)]


async def test_a_link_leads_to_an_address_that_others_reach(tmp_path: Path):
    async with RegistryHarness(tmp_path / "registry") as registry:
        client = PeopleClient(registry.profile)
        assert client.url("s") == f"{registry.url}/#s"
        client._urls = [registry.url, "https://10.0.0.7:8443"]
        assert client.url("s") == "https://10.0.0.7:8443/#s"


def test_names():
    assert full("anna") == full("hub~anna") == "hub~anna"
    assert full("No Body") == "No Body" and module.full("x" * 99) == "x" * 63
