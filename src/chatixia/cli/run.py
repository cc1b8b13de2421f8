"""``chatixia run TARGET``: serve an agent until Ctrl-C."""

from __future__ import annotations

import click

from .common import Talk, common, set_up_logging


@click.command()
@click.argument("target", default=".")
@common
def run(talk: Talk, target: str) -> None:
    """Run the agent in TARGET: a folder, a file, or module:attribute. Default: this folder."""
    from chatixia.assembly.run.load import load
    from chatixia.assembly.run.running import run as serve

    agents = load(target, mesh=talk.mesh or None)
    set_up_logging(talk.verbose)  # again: the `.env` beside the manifest may name a level
    serve(agents, lambda line: tell(talk, line))


def tell(talk: Talk, line: str) -> None:
    """Say that an agent is online, or that it waits for the registry."""
    name, state = line.split()[:2]
    talk.say(line)
    if talk.as_json:
        talk.data("agent", {"agent": name, "state": state, "text": line.strip()})
