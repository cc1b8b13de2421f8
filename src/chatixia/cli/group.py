"""The group of all commands. A command's file is imported when the command is named, not before.

So ``chatixia --help`` costs click and this table alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from chatixia import __version__

from . import output

SECTIONS: Final[dict[str, dict[str, str]]] = {
    "Everyday": {
        "up": "Start the registry and the hub on this machine",
        "join": "Join a mesh with an invitation",
        "pair": "Ask to join a mesh with a six-digit code",
        "leave": "Take this machine out of its mesh",
        "init": "Write a new agent's folder",
        "run": "Run an agent: a folder, a file or module:attribute",
        "agents": "List the agents and what they can do",
        "call": "Call a skill of an agent",
        "ask": "Ask an agent something in plain language",
        "chat": "Talk with an agent, line by line",
        "ping": "Measure the round trip to an agent",
        "tasks": "List, show, submit, retry and cancel queued work",
        "memory": "Show, export and forget an agent's conversations",
        "status": "Show a summary of the mesh",
        "hub": "Open the hub in a browser, already logged in",
    },
    "Owner": {
        "invite": "Invite a machine",
        "pending": "List the machines that ask to join with a code",
        "approve": "Let such a machine in",
        "reject": "Turn such a machine away",
        "revoke": "Remove an agent or a machine from the mesh",
        "owners": "Add owners, rotate keys, recover by a code",
        "registry": "Confirm the revocation list, let the registry sign machines",
        "keys": "Manage API keys, for clients without a key pair",
        "people": "Manage the people of the hub and what they may do",
        "audit": "Show who did what, when and from where",
    },
    "Doors": {
        "sidecar": "Run the peer of a program in any language",
        "stubs": "Write an agent's skills as typed classes",
        "mcp": "Show the mesh's skills as tools to an MCP host",
    },
    "Setting up": {
        "validate": "Check an agent's files",
        "config": "Show each setting in force and where it came from",
        "schema": "Print the JSON Schema of agent.yaml or registry.yaml",
        "doctor": "Check registry, network and machine, with the cures",
        "completion": "Print a shell's completion script",
    },
}
"""Section -> command -> the line that ``--help`` shows without loading it."""
COMMANDS: Final = {name: line for part in SECTIONS.values() for name, line in part.items()}


def load(name: str) -> click.Command:
    """The command ``name``: what is called so in the file that is called so."""
    command: click.Command = getattr(import_module(f".{name}", __package__), name)
    return command


class LazyGroup(click.Group):
    """A group that knows its commands by table and loads one when asked for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command; None if there is none."""
        return load(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown command names the nearest."""
        name = args[0]
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"There is no command {name}.{output.nearest(name, COMMANDS)}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, from the table alone."""
        for title, part in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(part.items()))


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Data goes to stdout, messages to stderr. Exit codes: 0 done, 1 the far side failed, "
    "2 usage error, 3 unreachable, 4 denied, 5 deadline exceeded, 130 interrupted.",
)
@click.option("-V", "--version", is_flag=True, help="Show the version and exit.")
@click.option("--json", "as_json", is_flag=True, hidden=True)
@click.pass_context
def chatixia(ctx: click.Context, version: bool, as_json: bool) -> None:
    """Agents that find each other by skill and call each other directly."""
    if version:
        text = f"chatixia {__version__}"
        click.echo(output.document("version", {"version": __version__}) if as_json else text)
        ctx.exit()
    if as_json:
        raise click.UsageError("Put --json after a command: chatixia agents --json.", ctx)
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
