"""``chatixia stubs AGENT``: an agent's skills as typed classes, to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common, in_mesh, waits

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh


@click.command()
@click.argument("agent")
@click.option("--ts", "typescript", is_flag=True, help="Write TypeScript instead of Python.")
@click.option(
    "--class", "name", default="", metavar="NAME", help="The class; AGENT's name if unset."
)
@waits(10.0, "Time to ask for the skills, default 10.")
@common
def stubs(console: Console, agent: str, typescript: bool, name: str, timeout: float) -> None:
    """Write AGENT's skills as typed classes: chatixia stubs weather > weather_stub.py.

    mesh.agent("weather", like=Weather) is such an agent then, for connect_sync like=SyncWeather.
    With --ts it is an interface for mesh.agent<Weather>("weather") of the client for Node.
    """
    if name and not (name.isidentifier() and name.isascii() and name[0].isupper()):
        raise click.UsageError("--class takes letters and digits, a capital letter first: Weather.")
    in_mesh(console, lambda mesh: write(mesh, console, agent, typescript, name), timeout)


async def write(mesh: Mesh, console: Console, agent: str, typescript: bool, name: str = "") -> None:
    """Ask for the skills, and print the source."""
    from chatixia.assembly.stubs import python
    from chatixia.assembly.stubs import typescript as ts
    from chatixia.assembly.stubs.schema import agent_types

    types = agent_types(agent, await mesh.skills(agent), name)
    text = ts.source(types) if typescript else python.source(types)
    language = "typescript" if typescript else "python"
    fields = {"agent": agent, "language": language, "source": text}
    if console.as_json:
        console.data("stubs", fields)
    else:
        output.emit(text, "")
