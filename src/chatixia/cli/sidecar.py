"""``chatixia sidecar``: the peer of one agent behind a private socket, until Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.sidecar.process import SidecarProcess


@click.command()
@click.argument("target", default="")
@click.option("--name", default="", metavar="AGENT", help="The agent, where no TARGET names it.")
@click.option("--socket", default="", metavar="PATH", help="Where the socket is.")
@click.option("--tcp", is_flag=True, help="Listen on a port of 127.0.0.1; PATH leads there.")
@click.option(
    "--environment", is_flag=True, help="A described peer by API_KEY, where this is no member."
)
@common
def sidecar(
    console: Console, target: str, name: str, socket: str, tcp: bool, environment: bool
) -> None:
    """Run the peer of an agent whose program is in any language, behind a private socket.

    TARGET is the agent's folder or its agent.yaml. The program finds the socket by CHATIXIA_SOCKET.
    """
    if environment and _serve_described(console):
        return
    from chatixia.assembly.run.running import run as serve
    from chatixia.assembly.sidecar import process as sidecars
    from chatixia.client.loop import fast_loop

    settings = sidecars.settings_of(sidecars.at(target), name, mesh=console.mesh or None)
    place = sidecars.socket_path(settings, socket)
    process = sidecars.SidecarProcess(settings, place, tcp=tcp, on_line=console.say)
    serve([process], lambda line: _tell(console, process, line), loop=fast_loop())


def _serve_described(console: Console) -> bool:
    """Serve as a described peer, unless a membership here names the agent; whether it did."""
    from chatixia.assembly.run.running import run as serve
    from chatixia.assembly.sidecar import described
    from chatixia.client.loop import fast_loop

    wanted = described.is_wanted(console.mesh)
    if wanted:
        serve([described.from_environment()], console.say, loop=fast_loop())
    return wanted


def _tell(console: Console, process: SidecarProcess, line: str) -> None:
    from chatixia.assembly.serve.collecting import collect_seldom

    collect_seldom()
    console.say(line)
    if console.as_json:
        console.data("sidecar", {"agent": process.name, "socket": str(process.path)})
