"""What every command shares: the options ``--json -v -q --mesh``, how it talks, how it awaits."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click
from click.core import ParameterSource

from . import output

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh

P = ParamSpec("P")
R = TypeVar("R")


def waits(default: float, note: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The option ``--timeout``, ``default`` seconds unless given."""
    return click.option(
        "--timeout", default=default, metavar="SECONDS", callback=possible, help=note
    )


def possible(_ctx: click.Context, _param: click.Parameter, seconds: float) -> float:
    """Refuse a time that no call can have, before anything waits for it."""
    from chatixia.client.handle import MAX_TIMEOUT_S

    if not 0 < seconds <= MAX_TIMEOUT_S:
        raise click.BadParameter(f"give seconds, above 0 and at most {MAX_TIMEOUT_S:.0f}.")
    return seconds


def named(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Refuse a name that was given and is empty, as a variable that is not set: it names nobody,
    and must not be read as left out, which means all."""
    typed = ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
    if typed and not value:
        raise click.BadParameter("it is empty, and names nobody.")
    return value


class Console:
    """One command's voice: data to stdout, talk to stderr, each in the form that was asked for.

    ``mesh`` is the profile's name of ``--mesh``, empty for the one in force.
    """

    def __init__(self, as_json: bool, quiet: bool, verbose: int, mesh: str) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose
        self.mesh = mesh
        self.repaints = False

    def say(self, text: str) -> None:
        """A message to the person, unless `-q` is set."""
        if not self.quiet and text:
            with suppress(OSError):  # nobody reads it, and the work goes on
                click.echo(output.readable(text), err=True)

    def data(self, kind: str, fields: Mapping[str, Any], text: str = "") -> None:
        """A result: one versioned JSON object, or its text for people."""
        if self.as_json:
            output.emit(output.document(kind, fields))
        elif self.repaints:
            output.repaint(text)
        elif text:
            output.emit(text)


class Noun(click.Group):
    """A group that lists when no subcommand is named: ``chatixia tasks --json``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with ``list`` put in where a subcommand would stand."""
        helped = args[:1] and args[0] in ctx.help_option_names
        if not helped and (not args or args[0].startswith("-")):
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown subcommand names the nearest."""
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        hint = output.nearest(args[0], self.commands)
        raise click.UsageError(f"There is no command {ctx.info_name} {args[0]}.{hint}", ctx)


def common(command: Callable[Concatenate[Console, P], R]) -> Callable[P, R]:
    """Add the shared options to a command and hand it a :class:`Console` first."""

    @click.option(
        "--json", "as_json", is_flag=True, help="Print JSON: one object, or one per line."
    )
    @click.option("-v", "--verbose", count=True, help="Log more, and show tracebacks of errors.")
    @click.option("-q", "--quiet", is_flag=True, help="Print only data and errors.")
    @click.option("--mesh", default="", metavar="NAME", help="Use the profile NAME.")
    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        as_json, quiet = bool(kwargs.pop("as_json")), bool(kwargs.pop("quiet"))
        verbose, mesh = int(str(kwargs.pop("verbose"))), str(kwargs.pop("mesh"))
        remember(as_json, verbose, mesh)
        set_up_logging(verbose)
        return command(Console(as_json, quiet, verbose, mesh), *args, **kwargs)

    return wrapped


def remember(as_json: bool, verbose: int, mesh: str) -> None:
    """Tell the error printer which form was asked for, and of which command."""
    from chatixia.assembly.error_text import Audience

    ctx = click.get_current_context(silent=True)
    if ctx is not None:
        words = ctx.command_path.partition(" ")[2] or ctx.command_path
        timeout = any(param.name == "timeout" for param in ctx.command.params)
        ctx.find_root().meta.update(
            {
                "chatixia.json": as_json,
                "chatixia.verbose": verbose,
                "chatixia.reader": Audience(words, timeout, mesh),
            }
        )


def set_up_logging(verbose: int) -> None:
    """Log ``chatixia`` to stderr at ``CHATIXIA_LOG``, or by ``-v`` (info) and ``-vv`` (debug)."""
    from chatixia.assembly import logs

    logs.set_up(("warning", "info", "debug")[min(verbose, 2)])


PATIENCE_S = 1.5
"""How long a command waits for a registry whose host refuses connections: it may be restarting."""


def in_mesh(
    console: Console, work: Callable[[Mesh], Coroutine[Any, Any, R]], timeout: float | None = None
) -> R:
    """Join the profile's mesh as a client, await ``work`` on it, and leave.

    ``timeout``: seconds for all of it, the login included.
    """

    async def visit() -> R:
        from chatixia.assembly.connect import ONLINE_S, connect
        from chatixia.world import REAL

        began = REAL.monotonic()
        bound = ONLINE_S if timeout is None else min(ONLINE_S, timeout)
        async with connect(mesh=console.mesh, timeout=bound, patience=PATIENCE_S) as mesh:
            if timeout is None:
                return await work(mesh)
            return await work(mesh.within(began + timeout - REAL.monotonic()))

    return wait(visit())


def in_queue(console: Console, work: Callable[[Mesh], Coroutine[Any, Any, R]]) -> R:
    """As :func:`in_mesh`, but where the owner's key is, as the owner, whom every task concerns."""

    async def visit() -> R:
        from chatixia.assembly.connect import connect_as_owner

        async with connect_as_owner(mesh=console.mesh, patience=PATIENCE_S) as mesh:
            return await work(mesh)

    return wait(visit())


async def again(
    console: Console, every: float, show: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """Show now, and with ``every`` above 0 again after that many seconds until interrupted.

    A terminal is painted over each time; a pipe or file gets one look after the other.
    """
    console.repaints = every > 0 and not console.as_json and sys.stdout.isatty()
    await show()
    while every > 0:
        await asyncio.sleep(every)
        await show()


def wait(work: Coroutine[Any, Any, R]) -> R:
    """Run ``work`` to its end on a loop of its own; Ctrl-C cancels it first."""
    return asyncio.run(work)
