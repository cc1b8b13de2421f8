"""``chatixia validate``: check an agent's files, and say what does nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.agent import Agent


@click.command()
@click.argument("target", default=".")
@common
def validate(console: Console, target: str) -> None:
    """Check the agent in TARGET as `run` would, without connecting.

    Checks agent.yaml, AGENT.md and .env, and loads agent.py and the skills beside it.
    """
    from chatixia.assembly.profile.profile import exists
    from chatixia.assembly.run.load import load

    for agent in load(target, mesh=console.mesh or None):
        settings = agent.check()
        loaded, notes = agent.loaded, [*settings.notes]
        if not exists(settings["mesh"]):
            notes.append("this machine is not in that mesh yet: `chatixia up` or `chatixia join`")
        fields = {
            "name": agent.name,
            "manifest": str(loaded.path) if loaded else "",
            "notes": notes,
            "skills": [skill.name for skill in agent.offered()],
        }
        console.data("valid", fields, output.rows(lines(agent, str(settings["registry"]))))
        for note in notes:
            console.say(f"  note      {note}")


def lines(agent: Agent, registry: str) -> list[output.Row]:
    """What the files say, in short."""
    loaded = agent.loaded
    skills = ", ".join(skill.name for skill in agent.offered())
    rows: list[output.Row] = [
        ("agent", agent.name, agent.description),
        ("manifest", str(loaded.path) if loaded else "none", "no mistakes" if loaded else ""),
        ("registry", registry or "that of this machine's mesh", ""),
        ("skills", skills or "none", ""),
    ]
    if loaded is None:
        return rows
    guide = f"{len(loaded.guide.splitlines())} lines" if loaded.guide else "none"
    variables = f"{len(loaded.environment)} variables" if loaded.environment else "none"
    return [*rows, ("AGENT.md", guide, ""), (".env", variables, "")]
