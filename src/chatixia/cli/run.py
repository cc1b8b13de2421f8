"""``chatixia run TARGET``: serve an agent until Ctrl-C."""

from __future__ import annotations

import click

from .common import Console, common, set_up_logging


@click.command()
@click.argument("target", default=".")
@common
def run(console: Console, target: str) -> None:
    """Run the agent in TARGET: a folder, a file, or module:attribute. Default: this folder."""
    from chatixia.assembly.run.load import load
    from chatixia.assembly.run.running import run as serve

    agents = load(target, mesh=console.mesh or None)
    set_up_logging(console.verbose)  # again: the `.env` beside the manifest may name a level
    serve(agents, lambda line: tell(console, line))


def tell(console: Console, line: str) -> None:
    """Say that an agent is online, or that it waits for the registry."""
    name, state = line.split()[:2]
    console.say(line)
    if console.as_json:
        console.data("agent", {"agent": name, "state": state, "text": line.strip()})
