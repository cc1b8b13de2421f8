"""``chatixia run TARGET``: serve an agent until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import Console, common, set_up_logging

if TYPE_CHECKING:
    from chatixia.assembly.agent import Agent


@click.command()
@click.argument("target", default=".")
@click.option("--reload", is_flag=True, help="Start it anew when one of its files changes.")
@common
def run(console: Console, target: str, reload: bool) -> None:
    """Run the agent in TARGET: a folder, a file, or module:attribute. Default: this folder."""
    from chatixia.assembly.run.load import load
    from chatixia.assembly.run.running import run as serve

    def agents() -> list[Agent]:
        loaded = load(target, mesh=console.mesh or None)
        set_up_logging(console.verbose)  # again: the `.env` beside the manifest may name a level
        return loaded

    def say(line: str) -> None:
        tell(console, line)

    if not reload:
        serve(agents(), say)
        return
    from chatixia.assembly.run.reload import Reloader

    if not Path(target).exists():
        raise click.UsageError("--reload watches a folder or a file.")
    following = Reloader(Path(target), agents, say)
    serve(agents(), say, following=following)


def tell(console: Console, line: str) -> None:
    """Say that an agent is online, that it waits for the registry, or that it is loaded anew."""
    name, state = line.split()[:2]
    console.say(line)
    if console.as_json:
        kind = "reload" if name == "reload" else "agent"
        fields = {} if kind == "reload" else {"agent": name, "state": state}
        console.data(kind, {**fields, "text": line.strip()})
