"""``chatixia ping AGENT``: which way messages take to an agent, and how long it takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import click

from chatixia.world import REAL

from . import output
from .common import Console, common, in_mesh, waits

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh

CLIMB_S: Final = 5.0
"""How long a ping that came by the relay waits for a better path."""
CLIMB_PAUSE_S: Final = 0.1
RELAY: Final = "relay"


@click.command()
@click.argument("agent")
@click.option(
    "-c",
    "--count",
    metavar="N",
    type=click.IntRange(1, 10_000),
    help="Times; once, and on to a better path, if left out.",
)
@waits(5.0, "Time for each, default 5.")
@common
def ping(console: Console, agent: str, count: int | None, timeout: float) -> None:
    """Measure the round trip to AGENT; with -c once a second."""
    bound = count * (timeout + 1) - 1 if count else timeout + CLIMB_S
    in_mesh(console, lambda mesh: measure(mesh, console, agent, count or 0, timeout), bound)


async def measure(mesh: Mesh, console: Console, agent: str, count: int, timeout: float) -> None:
    """Ping and print, ``count`` times once a second; 0: once, and as the path gets better."""
    pings = Pings(mesh, console, agent, timeout)
    await pings.one()
    for _ in range(count - 1):
        await asyncio.sleep(1.0)
        await pings.one()
    if not count:
        await pings.climb()


class Pings:
    """Pings of one agent. ``via``: the tier of the last."""

    def __init__(self, mesh: Mesh, console: Console, agent: str, timeout: float) -> None:
        self._mesh, self._console, self._agent = mesh, console, agent
        self._timeout = timeout
        self._began: float | None = None
        self.via = ""

    async def one(self, only_changed: bool = False) -> None:
        """Ping and print; ``only_changed``: print where the tier is another than before."""
        pong = await self._mesh.ping(self._agent, self._timeout)
        now = REAL.monotonic()
        began = self._began = now if self._began is None else self._began
        moved = self.via not in ("", pong.via)
        if only_changed and not moved:
            return
        self.via, after = pong.via, 1000 * (now - began) if moved else None
        fields = {"agent": self._agent, "via": pong.via, "ms": pong.ms, "where": pong.where}
        if after is not None:
            fields["after_ms"] = after
        self._console.data("pong", fields, output.pong(pong.via, pong.ms, pong.where, after))

    async def climb(self) -> None:
        """While the relay carries it: until a better path does, or none came in time."""
        until = REAL.monotonic() + CLIMB_S
        while self.via == RELAY and REAL.monotonic() < until:
            await asyncio.sleep(CLIMB_PAUSE_S)
            await self.one(only_changed=True)
