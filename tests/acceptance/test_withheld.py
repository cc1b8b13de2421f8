"""A registry that withholds a revocation is caught by one peer that knows of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from chatixia.assembly.profile.profile import Profile
from chatixia.core.revocation import sign_revocation
from chatixia.peer.links.revocations import BURST
from chatixia.wire.trust import Revocation
from tests.acceptance.harness import TestMesh
from tests.lab.liar import Liar
from tests.until import until

NAMES = ("a", "b", "c")


def revocation(profile: Profile, name: str, version: int) -> dict[str, Any]:
    """A `revoked` frame with the owner's own word."""
    word = Revocation(profile.mesh, profile.ns, name, 1, int(profile.clock.now()), version)
    statement = sign_revocation(word, profile.owner_key()[0].sign)
    return {"type": "revoked", "statement": msgspec.to_builtins(statement)}


async def links(mesh: Any, worker: str) -> set[str]:
    """To whom a worker has links, as it says itself."""
    return {link["peer"] for link in await mesh.agent(worker).links()} & set(NAMES)


async def linked(mesh: Any, of_a: set[str], of_b: set[str]) -> bool:
    """Whether `a` and `b` have links to these, and to no others."""
    return (await links(mesh, "a"), await links(mesh, "b")) == (of_a, of_b)


async def test_one_informed_peer_ends_the_links_of_the_revoked_one_everywhere(net: TestMesh):
    """The registry does nothing about the owner's word; one peer is brought it by other means."""
    net.up()
    async with Liar(net.port) as liar, AsyncExitStack() as stack:
        env = {"CHATIXIA_REGISTRY_URL": liar.url, "CHATIXIA_LINKS_KEEP": "all"}
        await asyncio.to_thread(lambda: net.several(*NAMES, **env))
        mesh = await stack.enter_async_context(net.client())

        await until(lambda: linked(mesh, {"b", "c"}, {"a", "c"}), 30, pause=0.2)
        profile = Profile.open(home=net.procs.home)
        await liar.down("a", revocation(profile, "c", 1))

        await until(lambda: linked(mesh, {"b"}, {"a"}), 30, pause=0.2)
        assert await asyncio.to_thread(net.workers["c"].wait, 20) == 4
        assert "c was revoked by the owner" in net.workers["c"].output


async def test_what_a_flood_of_revocations_left_out_comes_with_the_next_pings(net: TestMesh):
    """Above its rate a peer reads no statement that is handed on: its pings say what it lacks."""
    net.up()
    async with Liar(net.port) as liar, AsyncExitStack() as stack:
        env = {"CHATIXIA_REGISTRY_URL": liar.url, "CHATIXIA_LINKS_KEEP": "all"}
        await asyncio.to_thread(lambda: net.several(*NAMES, **env))
        mesh = await stack.enter_async_context(net.client())

        await until(lambda: linked(mesh, {"b", "c"}, {"a", "c"}), 30, pause=0.2)
        profile = Profile.open(home=net.procs.home)
        words = [revocation(profile, f"x{n}", n) for n in range(1, 3 * BURST)]
        words.append(revocation(profile, "c", 3 * BURST))
        for word in words:
            await liar.down("a", word)

        await until(lambda: linked(mesh, {"b"}, {"a"}), 60, pause=0.5)


async def test_where_nobody_is_informed_links_end_within_membership_ttl(net: TestMesh):
    """The registry shows no word of the owner's about a list that its agents lack."""
    net.configure(token_ttl=10, confirm=20)
    async with Liar(net.port) as liar:
        env = {
            "CHATIXIA_REGISTRY_URL": liar.url,
            "CHATIXIA_LINKS_KEEP": "all",
            "CHATIXIA_MEMBERSHIP_TTL": "60",
        }
        # The revoked one keeps its links: who ends them is not left to chance.
        for_long = {**env, "CHATIXIA_MEMBERSHIP_TTL": "86400"}
        await asyncio.to_thread(net.cli, "registry", "confirm")
        await asyncio.to_thread(lambda: net.worker("c", **for_long))
        await asyncio.to_thread(lambda: net.several("a", "b", **env))
        async with net.client() as mesh:  # gone before the revocation, of which it would hear
            await until(lambda: linked(mesh, {"b", "c"}, {"a", "c"}), 30, pause=0.2)
        liar.rewrite = withhold
        liar.kept.add("c")
        await asyncio.to_thread(net.cli, "revoke", "c")
        began = asyncio.get_running_loop().time()
        for name in ("a", "b"):
            worker = net.workers[name]
            await asyncio.to_thread(worker.wait_for, r"closing the link to c: (.*)", 60 + 30)
            assert "closing the link to c: Neither owner nor registry" in worker.output
            assert "revoked" not in worker.output, "nobody was informed"
        print(f"links ended {asyncio.get_running_loop().time() - began:.0f} s after the revocation")


def withhold(who: str, way: str, frame: dict[str, Any]) -> list[dict[str, Any]]:
    """Tell nobody of a revocation, nor that the revoked one's socket is closed."""
    if way == "down" and frame["type"] in ("revoked", "peer_left", "error"):
        return []
    return [{**frame, "revoked": []} if frame["type"] == "welcome" else frame]
