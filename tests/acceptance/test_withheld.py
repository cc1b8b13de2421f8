"""A registry that withholds a revocation is caught by one peer that knows of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from chatixia.assembly.profile.profile import Profile
from chatixia.core.membership import sign_revocation
from chatixia.wire.trust import Revocation
from tests.acceptance.harness import TestMesh
from tests.lab.liar import Liar
from tests.until import until

NAMES = ("a", "b", "c")


async def links(mesh: Any, worker: str) -> set[str]:
    """To whom a worker has links, as it says itself."""
    return {link["peer"] for link in await mesh.agent(worker).links()} & set(NAMES)


async def test_one_informed_peer_ends_the_links_of_the_revoked_one_everywhere(net: TestMesh):
    """The registry does nothing about the owner's word; one peer is brought it by other means."""
    net.up()
    async with Liar(net.port) as liar, AsyncExitStack() as stack:
        env = {"CHATIXIA_REGISTRY_URL": liar.url, "CHATIXIA_LINKS_KEEP": "all"}
        await asyncio.to_thread(lambda: net.several(*NAMES, **env))
        mesh = await stack.enter_async_context(net.client())

        async def linked() -> bool:
            return (await links(mesh, "a"), await links(mesh, "b")) == ({"b", "c"}, {"a", "c"})

        await until(linked, 30, pause=0.2)
        profile = Profile.open(home=net.procs.home)
        word = Revocation(profile.mesh, profile.ns, "c", 1, int(profile.clock.now()), 1)
        statement = msgspec.to_builtins(sign_revocation(word, profile.owner_key()[0].sign))
        await liar.down("a", {"type": "revoked", "statement": statement})

        async def out() -> bool:
            return (await links(mesh, "a"), await links(mesh, "b")) == ({"b"}, {"a"})

        await until(out, 30, pause=0.2)
        assert await asyncio.to_thread(net.workers["c"].wait, 20) == 4
        assert "c was revoked by the owner" in net.workers["c"].output
