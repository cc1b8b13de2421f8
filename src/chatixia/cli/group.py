"""The group of all commands. A command's file is imported when the command is named, not before.

So ``chatixia --help`` costs click and this table alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import click

from chatixia import __version__

from . import output


def _up() -> click.Command:
    from .up import up

    return up


def _join() -> click.Command:
    from .join import join

    return join


def _leave() -> click.Command:
    from .leave import leave

    return leave


def _init() -> click.Command:
    from .init import init

    return init


def _run() -> click.Command:
    from .run import run

    return run


def _sidecar() -> click.Command:
    from .sidecar import sidecar

    return sidecar


def _stubs() -> click.Command:
    from .stubs import stubs

    return stubs


def _mcp() -> click.Command:
    from .mcp import mcp

    return mcp


def _agents() -> click.Command:
    from .agents import agents

    return agents


def _call() -> click.Command:
    from .call import call

    return call


def _ask() -> click.Command:
    from .ask import ask

    return ask


def _chat() -> click.Command:
    from .chat import chat

    return chat


def _ping() -> click.Command:
    from .ping import ping

    return ping


def _tasks() -> click.Command:
    from .tasks import tasks

    return tasks


def _memory() -> click.Command:
    from .memory import memory

    return memory


def _status() -> click.Command:
    from .status import status

    return status


def _hub() -> click.Command:
    from .hub import hub

    return hub


def _invite() -> click.Command:
    from .invite import invite

    return invite


def _pair() -> click.Command:
    from .pair import pair

    return pair


def _pending() -> click.Command:
    from .pending import pending

    return pending


def _approve() -> click.Command:
    from .approve import approve

    return approve


def _reject() -> click.Command:
    from .reject import reject

    return reject


def _registry() -> click.Command:
    from .registry import registry

    return registry


def _revoke() -> click.Command:
    from .revoke import revoke

    return revoke


def _keys() -> click.Command:
    from .keys import keys

    return keys


def _people() -> click.Command:
    from .people import people

    return people


def _audit() -> click.Command:
    from .audit import audit

    return audit


def _validate() -> click.Command:
    from .validate import validate

    return validate


def _config() -> click.Command:
    from .config import config

    return config


def _schema() -> click.Command:
    from .schema import schema

    return schema


def _doctor() -> click.Command:
    from .doctor import doctor

    return doctor


def _completion() -> click.Command:
    from .completion import completion

    return completion


class Entry(NamedTuple):
    """A command's loader and the line that ``--help`` shows without loading it."""

    load: Callable[[], click.Command]
    line: str


SECTIONS: Final[dict[str, dict[str, Entry]]] = {
    "Everyday": {
        "up": Entry(_up, "Start the registry and the hub on this machine"),
        "join": Entry(_join, "Join a mesh with an invitation"),
        "pair": Entry(_pair, "Ask to join a mesh with a six-digit code"),
        "leave": Entry(_leave, "Take this machine out of its mesh"),
        "init": Entry(_init, "Write a new agent's folder"),
        "run": Entry(_run, "Run an agent: a folder, a file or module:attribute"),
        "agents": Entry(_agents, "List the agents and what they can do"),
        "call": Entry(_call, "Call a skill of an agent"),
        "ask": Entry(_ask, "Ask an agent something in plain language"),
        "chat": Entry(_chat, "Talk with an agent, line by line"),
        "ping": Entry(_ping, "Measure the round trip to an agent"),
        "tasks": Entry(_tasks, "List, show, submit, retry and cancel queued work"),
        "memory": Entry(_memory, "Show, export and forget an agent's conversations"),
        "status": Entry(_status, "Show a summary of the mesh"),
        "hub": Entry(_hub, "Open the hub in a browser, already logged in"),
    },
    "Owner": {
        "invite": Entry(_invite, "Invite a machine"),
        "pending": Entry(_pending, "List the machines that ask to join with a code"),
        "approve": Entry(_approve, "Let such a machine in"),
        "reject": Entry(_reject, "Turn such a machine away"),
        "revoke": Entry(_revoke, "Remove an agent or a machine from the mesh"),
        "registry": Entry(_registry, "Confirm the revocation list"),
        "keys": Entry(_keys, "Manage API keys, for clients without a key pair"),
        "people": Entry(_people, "Manage the people of the hub and what they may do"),
        "audit": Entry(_audit, "Show who did what, when and from where"),
    },
    "Doors": {
        "sidecar": Entry(_sidecar, "Run the peer of a program in any language"),
        "stubs": Entry(_stubs, "Write an agent's skills as typed classes"),
        "mcp": Entry(_mcp, "Show the mesh's skills as tools to an MCP host"),
    },
    "Setting up": {
        "validate": Entry(_validate, "Check an agent's files"),
        "config": Entry(_config, "Show each setting in force and where it came from"),
        "schema": Entry(_schema, "Print the JSON Schema of agent.yaml or registry.yaml"),
        "doctor": Entry(_doctor, "Check registry, network and machine, with the cures"),
        "completion": Entry(_completion, "Print a shell's completion script"),
    },
}
COMMANDS: Final = {name: entry for part in SECTIONS.values() for name, entry in part.items()}


class LazyGroup(click.Group):
    """A group that knows its commands by table and loads one when asked for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command's name, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command; None if there is none."""
        entry = COMMANDS.get(cmd_name)
        return entry.load() if entry else None

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
                formatter.write_dl([(name, entry.line) for name, entry in part.items()])


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
