"""``chatixia mcp``: the mesh's skills as tools of a host of the Model Context Protocol."""

from __future__ import annotations

import json
from typing import Any

import click

from . import output
from .common import Console, common, wait, waits

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
@click.option(
    "--poll",
    type=click.FloatRange(0, 3600),
    default=0.0,
    metavar="SECONDS",
    help="After so long an older host over HTTP asks again for the rest of an answer.",
)
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
    poll: float,
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

    options = McpOptions(
        patterns, every, agent, http, hosts, clear, name, timeout, console.mesh, poll
    )
    if host:
        show(console, host, options)
        return
    serve([McpProcess(options)], console.say, loop=fast_loop())


def show(console: Console, host: str, options: Any) -> None:
    """Print a host's settings."""
    from chatixia.assembly.mcp.hosts import HOSTS, snippet
    from chatixia.assembly.mcp.settings import server_for, serving

    text = snippet(host, server_for(host, options))
    command = " ".join(map(output.word, serving(options)))
    console.data("mcp_config", {"host": host, "text": text, "command": command}, text)
    console.say(f"  paste into {HOSTS[host].place}")
    if command:
        console.say(f"  it reaches what runs as `{command}`")


@mcp.command("list")
@click.argument("target", default=".")
@common
def list_(console: Console, target: str) -> None:
    """List the tools of the MCP servers in the manifest at TARGET."""
    from chatixia.assembly.mcp.trial import declared, tools_of
    from chatixia.errors import ConfigError

    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for name, (server, folder) in declared(target).items():
        try:
            rows += wait(tools_of(name, server, folder))
        except ConfigError as error:  # the others are listed all the same
            problems.append(error.message)
    lines = [(row["server"], row["tool"], use(row), row["description"][:60]) for row in rows]
    heads = ("server", "tool", "used as", "description")
    console.data("mcp_tools", {"tools": rows}, output.table(heads, lines) if lines else "")
    if problems:
        raise ConfigError(" ".join(problems))
    if not lines:
        console.say("  No MCP servers; see `mcp` in docs/mcp.md.")


def use(row: dict[str, Any]) -> str:
    """What the agent makes of a tool, in words."""
    if not row["taken"]:
        return "nothing"
    return f"skill, {row['effect']}" if row["skill"] else f"tool, {row['effect']}"


@mcp.command("try")
@click.argument("server")
@click.argument("tool", default="")
@click.argument("arguments", default="{}")
@click.option("--at", "target", default=".", metavar="TARGET", help="Where the manifest is.")
@common
def try_(console: Console, server: str, tool: str, arguments: str, target: str) -> None:
    """Start SERVER of the manifest, list its tools, or call TOOL with ARGUMENTS as JSON."""
    from chatixia.assembly.mcp.trial import called, declared, one_of, tools_of

    chosen, folder = one_of(declared(target), server)
    if not tool:
        rows = wait(tools_of(server, chosen, folder))
        text = output.table(("tool", "used as"), [(row["tool"], use(row)) for row in rows])
        console.data("mcp_tools", {"tools": rows}, text if rows else "")
        return
    answer = wait(called(server, chosen, folder, tool, parsed(arguments)))
    console.data("mcp_call", {"failed": answer.failed, "text": answer.text}, answer.text)
    if answer.failed:
        click.get_current_context().exit(1)


def parsed(arguments: str) -> dict[str, Any]:
    """A JSON object that was typed."""
    try:
        value = json.loads(arguments)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise click.BadParameter("give the arguments as a JSON object, such as '{\"a\": 1}'.")
    return value
