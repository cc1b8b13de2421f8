"""``chatixia init``: write a new agent's folder."""

from __future__ import annotations

from pathlib import Path

import click

from .common import Console, common


@click.command()
@click.argument("name", default="")
@click.option("-d", "--dir", "folder", default="", metavar="DIR", help="Write into the folder DIR.")
@click.option(
    "--role",
    default="worker",
    help="Template: worker, researcher, analyst, coordinator or bridge.",
)
@common
def init(console: Console, name: str, folder: str, role: str) -> None:
    """Write a new agent NAME into the folder NAME, or into DIR (`-d .`: here)."""
    from chatixia.assembly.model import this_machine
    from chatixia.assembly.run.scaffold import name_for, scaffold

    agent = name or (name_for(Path(folder)) if folder else "my-agent")
    target = Path(folder or agent)
    written = scaffold(agent, target, role, this_machine(console.mesh))
    console.say(f"  {target / written[0] if written else target} {' '.join(written[1:])}".rstrip())
    console.data("init", {"agent": agent, "folder": str(target), "written": written})
