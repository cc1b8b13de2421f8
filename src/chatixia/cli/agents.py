"""``chatixia agents``: who is in the mesh, how they are, what they can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, again, common, in_mesh

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh
    from chatixia.wire.registry import AgentRecord

HEADS = ("agent", "health", "skills", "machine")


@click.command()
@click.option("--skill", default="", metavar="NAME", help="Only agents with this skill.")
@click.option("--watch", is_flag=True, help="Repeat every 2 s until Ctrl-C.")
@common
def agents(console: Console, skill: str, watch: bool) -> None:
    """List the agents of the mesh."""
    in_mesh(
        console,
        lambda mesh: again(console, 2.0 if watch else 0.0, lambda: show(mesh, console, skill)),
    )


def health(agent: AgentRecord) -> str:
    """How it is: ``active``; ``away, 3 tasks waiting`` if it stopped and work waits for it."""
    text: str = agent.health
    if isinstance(agent.waiting, int) and agent.waiting:
        text = f"away, {agent.waiting} task{'s' * (agent.waiting > 1)} waiting"
    if agent.trust == "registry":
        return f"{text}, trust: registry"
    return text if agent.trust == "owner" else f"{text}, {agent.trust}"


async def show(mesh: Mesh, console: Console, skill: str) -> None:
    """One list as it stands now."""
    records = await mesh.agents(skill)
    lines = [
        (
            agent.agent_id,
            health(agent),
            ", ".join(info.name for info in agent.skills) or "-",
            agent.machine or agent.hostname or "-",
        )
        for agent in records
    ]
    console.data("agents", {"agents": records}, output.table(HEADS, lines) if lines else "")
    if not lines and skill:
        skills = {info.name for agent in await mesh.agents() for info in agent.skills}
        console.say(f"  No agent has the skill {skill}.{output.nearest(skill, sorted(skills))}")
    elif not lines:
        console.say("  No agent is listed. Start one with `chatixia run FOLDER`.")
