"""``chatixia run TARGET``: serve an agent until Ctrl-C."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import Console, common, set_up_logging

if TYPE_CHECKING:
    from chatixia.assembly.agent import Agent
    from chatixia.assembly.sidecar.supervise import SupervisedAgent


@click.command()
@click.argument("target", default=".")
@click.option("--reload", is_flag=True, help="Start it anew when one of its files changes.")
@click.option("--sidecar", is_flag=True, help="Keep keys and links in a process of their own.")
@common
def run(console: Console, target: str, reload: bool, sidecar: bool) -> None:
    """Run the agent in TARGET: a folder, a file, or module:attribute. Default: this folder."""
    from chatixia.assembly.run.load import load
    from chatixia.assembly.run.running import run as serve

    if (both := _behind_sidecar(console, target, sidecar, reload)) is not None:
        serve([both])
        raise SystemExit(both.code)

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


def _behind_sidecar(
    console: Console, target: str, wanted: bool, reload: bool
) -> SupervisedAgent | None:
    """The processes to supervise, unless this is one of them."""
    if os.environ.get("CHATIXIA_SOCKET"):
        return None
    from chatixia.assembly.sidecar.supervise import supervised, target_manifest

    loaded = target_manifest(target, wanted)
    if loaded is None and not wanted:
        return None
    more = ["--reload"] if reload else []
    return supervised(
        target, loaded, mesh=console.mesh, sidecar=wanted, options=more, tell=console.say
    )


def tell(console: Console, line: str) -> None:
    """Say that an agent is online, that it waits for the registry, or that it is loaded anew."""
    name, state = line.split()[:2]
    console.say(line)
    if console.as_json:
        kind = "reload" if name == "reload" else "agent"
        fields = {} if kind == "reload" else {"agent": name, "state": state}
        console.data(kind, {**fields, "text": line.strip()})
