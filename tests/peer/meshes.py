"""Meshes on a real registry in this process, for the tests of the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from chatixia.assembly.membership.enrol import enrol
from chatixia.core.ports import Outgoing
from chatixia.peer.driver import PeerSettings, open_mesh
from chatixia.peer.mesh import PeerMesh
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.peer import SkillInfo


def queued(target: str, skill: str = "echo", body: bytes = b'"hi"', **kw: Any) -> Outgoing:
    """A call for the queue alone, unless told otherwise."""
    return Outgoing(target, skill, body, **{"queue": "only", "timeout": 20.0, **kw})


@asynccontextmanager
async def agent(
    registry: RegistryHarness,
    name: str,
    handler: Any,
    slots: int = 4,
    online: bool = True,
    relay: bool = False,
    owner_only: bool = False,
) -> AsyncIterator[PeerMesh]:
    """A started agent of this process."""
    credentials = await asyncio.to_thread(enrol, registry.profile, name)
    me = credentials.me()
    me.owner_only = owner_only
    mesh, _ = open_mesh(me, PeerSettings(relay=relay))
    mesh.serve(handler, [SkillInfo("echo"), SkillInfo("hang")], slots)
    await mesh.start()
    try:
        if online:
            await mesh.registry.online(20)
        yield mesh
    finally:
        await mesh.stop()
        credentials.close()


async def echo(incoming: Any, responder: Any) -> None:
    """Give back what came."""
    responder.reply(bytes(incoming.body))


@asynccontextmanager
async def two(handler: Any = echo, slots: int = 4) -> AsyncIterator[tuple[Any, PeerMesh, PeerMesh]]:
    """A registry, an asker ``a`` and a worker ``b`` with ``handler``."""
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(RegistryHarness())
        a = await stack.enter_async_context(agent(registry, "a", echo))
        b = await stack.enter_async_context(agent(registry, "b", handler, slots))
        yield registry, a, b
