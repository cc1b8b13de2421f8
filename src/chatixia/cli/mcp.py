"""``chatixia mcp``: the mesh's skills as tools of a host of the Model Context Protocol."""

from __future__ import annotations

from typing import Any

import click

from .common import Console, common, waits

LISTEN = "127.0.0.1:8790"


@click.group(invoke_without_command=True)
@click.option(
    "--skills",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Only these: AGENT/SKILL or SKILL, with * and ?; may be given again.",
)
@click.option("--all", "every", is_flag=True, help="Each skill is a tool, also of more than 40.")
@click.option("--agent", default="", metavar="NAME", help="One agent, its skills by bare names.")
@click.option(
    "--http",
    is_flag=False,
    flag_value=LISTEN,
    default="",
    metavar="[HOST:PORT]",
    help=f"Serve streamable HTTP, at {LISTEN} unless given.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A further name by which it is reached over HTTP.",
)
@click.option("--clear", is_flag=True, help="Listen beyond this machine without TLS.")
@click.option("--name", default="", metavar="NAME", help="Its callers are mcp:NAME on paths.")
@waits(120, "Seconds that a call may take.")
@click.option("--config", "host", default="", metavar="HOST", help="Print a host's settings.")
@common
@click.pass_context
def mcp(
    ctx: click.Context,
    console: Console,
    patterns: tuple[str, ...],
    every: bool,
    agent: str,
    http: str,
    hosts: tuple[str, ...],
    clear: bool,
    name: str,
    timeout: float,
    host: str,
) -> None:
    """Show the mesh's skills as tools, on standard input and output, until the host leaves.

    A host starts this command itself; `--config HOST` prints what to paste into its settings.
    """
    if ctx.invoked_subcommand is not None:
        return
    from chatixia.assembly.mcp.process import McpOptions, McpProcess
    from chatixia.assembly.run.running import run as serve
    from chatixia.client.loop import fast_loop

    options = McpOptions(patterns, every, agent, http, hosts, clear, name, timeout, console.mesh)
    if host:
        show(console, host, options)
        return
    serve([McpProcess(options)], console.say, loop=fast_loop())


def show(console: Console, host: str, options: Any) -> None:
    """Print a host's settings."""
    from chatixia.assembly.mcp.hosts import HOSTS
    from chatixia.assembly.mcp.settings import server_for, snippet

    text = snippet(host, server_for(host, options))
    console.data("mcp_config", {"host": host, "text": text}, text)
    console.say(f"  paste into {HOSTS[host].place}")
