"""``chatixia ping AGENT``: which way messages take to an agent, and how long it takes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common, in_mesh, waits

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh


@click.command()
@click.argument("agent")
@click.option(
    "-c",
    "--count",
    default=1,
    metavar="N",
    type=click.IntRange(1, 10_000),
    help="Times, default 1.",
)
@waits(5.0, "Time for each, default 5.")
@common
def ping(console: Console, agent: str, count: int, timeout: float) -> None:
    """Measure the round trip to AGENT, once a second."""
    bound = count * (timeout + 1) - 1
    in_mesh(console, lambda mesh: measure(mesh, console, agent, count, timeout), bound)


async def measure(mesh: Mesh, console: Console, agent: str, count: int, timeout: float) -> None:
    """Ping and print, once a second."""
    for number in range(count):
        if number:
            await asyncio.sleep(1.0)
        pong = await mesh.ping(agent, timeout)
        fields = {"agent": agent, "via": pong.via, "ms": pong.ms, "where": pong.where}
        console.data("pong", fields, output.pong(pong.via, pong.ms, pong.where))
