"""How a command ends: its exit code, and for an error one sentence with its cure.

``-v`` adds the traceback; ``--json`` prints the error as one object on stdout as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from chatixia.cli import output

if TYPE_CHECKING:  # the errors bring msgspec, which `--help` has no use for
    from chatixia.errors import MeshError

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
PIPE: Final = 141


def guarded(command: click.Command, words: Sequence[str]) -> int:
    """Run ``command`` with ``words``; its exit code, after printing whatever went wrong."""
    if os.environ.get("_CHATIXIA_COMPLETE"):
        return complete(command)
    try:
        with command.make_context("chatixia", list(words)) as ctx:
            return run(command, ctx)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:  # before a context exists: an unknown option
        return usage(error)


def run(command: click.Command, ctx: click.Context) -> int:
    """Invoke ``command`` and turn every way it can end into an exit code."""
    try:
        code = command.invoke(ctx)
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return hung_up()
    except click.ClickException as error:
        return usage(error)
    except Exception as error:  # noqa: BLE001 - the last door: a person reads what comes out
        return ended(error, ctx.meta)


def complete(command: click.Command) -> int:
    """Answer a shell that asks how the line could go on (click's own protocol)."""
    from click.shell_completion import shell_complete

    how = os.environ["_CHATIXIA_COMPLETE"]
    return shell_complete(command, {}, "chatixia", "_CHATIXIA_COMPLETE", how)


def hung_up() -> int:
    """The reader of our pipe left; say nothing more, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE


def usage(error: click.ClickException) -> int:
    """A command line that cannot be read."""
    from chatixia.assembly.said import sentence

    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
    hint = f" See `{command} --help`." if command and "Did you mean" not in str(error) else ""
    tell(f"{sentence(error.format_message())}{hint}")
    return USAGE


def ended(error: Exception, meta: dict[str, Any]) -> int:
    """An error of the mesh, or a defect of ours; ``-v`` adds where it came from."""
    from chatixia.errors import MeshError

    if isinstance(error, OSError) and not isinstance(error, MeshError):
        error = on_disk(error) or error
    code = refused(error, meta) if isinstance(error, MeshError) else broken(error)
    if meta.get("chatixia.verbose"):
        import traceback

        traceback.print_exception(error)
    return code


def refused(error: MeshError, meta: dict[str, Any]) -> int:
    """An error of the mesh: its sentence, its cure, and with ``--json`` its fields."""
    from chatixia.assembly.said import said

    if meta.get("chatixia.json"):
        output.emit(output.document("error", {"error": error.to_wire()}))
    tell(said(error))
    return error.exit


def on_disk(error: OSError) -> MeshError | None:
    """An error of the file system as one of ours with its cure; None for any other."""
    from chatixia.assembly.said import disk_cure, of_system
    from chatixia.errors import ConfigError

    if not disk_cure(error):
        return None
    made = ConfigError(of_system(error))
    made.__cause__ = error
    return made


def broken(error: Exception) -> int:
    """A defect of ours."""
    name = type(error).__name__
    tell(f"Something broke inside chatixia ({name}: {error}). Run it again with -v to see where.")
    return FAILED


def tell(text: str) -> None:
    """One line to stderr, its first word red where a terminal shows colours."""
    word = click.style("error", fg="red") if output.coloured() else "error"
    click.echo(f"{word}  {text}", err=True)
