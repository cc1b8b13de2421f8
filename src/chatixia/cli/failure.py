"""How a command ends: its exit code, and for an error one sentence with its cure.

``-v`` adds the traceback; ``--json`` prints the error as one object on stdout as well.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final

import click
from click.utils import echo

from . import output

if TYPE_CHECKING:  # the errors bring msgspec, which `--help` has no use for
    from chatixia.errors import MeshError

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
PIPE: Final = 141


def guarded(command: click.Command, words: Sequence[str]) -> int:
    """Run ``command`` with ``words``; its exit code, after printing whatever went wrong."""
    meta = {"chatixia.json": wants_json(words)}
    try:
        refuse_no_text(words)
        code = attempt(command, words)
        sys.stdout.flush()
    except BrokenPipeError:
        return hung_up()
    except click.UsageError as error:
        return usage(error, meta)
    except OSError as error:  # help that cannot be printed
        return ended(error, meta)
    else:
        return code


FILES: Final = frozenset({"run", "validate", "init", "config"})
"""Commands whose words name files, which may be called anything."""


def refuse_no_text(words: Sequence[str]) -> None:
    """Raise UsageError for a word whose bytes are not UTF-8 text and that names no file."""
    if words and words[0] in FILES:
        return
    for word in words:
        readable = output.readable(word)
        if readable != word and not re.match(r"[^=@]*[^=@:]@", word):
            raise click.UsageError(f"{readable} is not UTF-8 text.")


def attempt(command: click.Command, words: Sequence[str]) -> int:
    """Run ``command``; its exit code."""
    if os.environ.get("_CHATIXIA_COMPLETE"):
        return complete(command)
    try:
        with command.make_context("chatixia", list(words)) as ctx:
            # Set again by the command itself; this counts where its line cannot be read.
            ctx.meta["chatixia.json"] = wants_json(words)
            return run(command, ctx)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:  # before a context exists: an unknown option
        return usage(error, {"chatixia.json": wants_json(words)})


def wants_json(words: Sequence[str]) -> bool:
    """Whether ``--json`` stands among the options of a line that may not be readable."""
    options = words[: words.index("--")] if "--" in words else words
    return "--json" in options


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
        return usage(error, ctx.meta)
    except Exception as error:  # noqa: BLE001 - the last door: a person reads what comes out
        return ended(error, ctx.meta)


def complete(command: click.Command) -> int:
    """Answer a shell that asks how the line could go on (click's own protocol)."""
    from click.shell_completion import shell_complete

    how = os.environ["_CHATIXIA_COMPLETE"]
    return shell_complete(command, {}, "chatixia", "_CHATIXIA_COMPLETE", how)


def hung_up() -> int:
    """The reader of our pipe left; say nothing more, not even at exit."""
    from .streams import mute

    mute()
    return PIPE


def usage(error: click.ClickException, meta: dict[str, Any]) -> int:
    """A command line that cannot be read."""
    from chatixia.assembly.error_text import sentence
    from chatixia.errors import BadRequest

    text = sentence(no_command(error) or error.format_message())
    as_object(BadRequest(text), meta)
    command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
    hint = f" See `{command} --help`." if command and "Did you mean" not in str(error) else ""
    tell(f"{text}{hint}")
    return USAGE


def no_command(error: click.ClickException) -> str:
    """The sentence for a group without a command, whose message is its help; "" for others."""
    if not isinstance(error, click.exceptions.NoArgsIsHelpError) or error.ctx is None:
        return ""
    group = error.ctx.command
    names = ", ".join(group.list_commands(error.ctx)) if isinstance(group, click.Group) else ""
    return f"`{error.ctx.command_path}` takes a command: {names}."


def ended(error: Exception, meta: dict[str, Any]) -> int:
    """An error of the mesh, or a defect of chatixia; ``-v`` adds where it came from."""
    from chatixia.errors import MeshError

    if isinstance(error, OSError | UnicodeError) and not isinstance(error, MeshError):
        error = not_printed(error) or on_disk(error) or error
    code = refused(error, meta) if isinstance(error, MeshError) else broken(error, meta)
    if meta.get("chatixia.verbose"):
        import traceback

        traceback.print_exception(error)
    return code


def refused(error: MeshError, meta: dict[str, Any]) -> int:
    """An error of the mesh: its sentence, its cure, and with ``--json`` its fields."""
    from chatixia.assembly.error_text import SCRIPT, explain

    as_object(error, meta)
    tell(explain(error, meta.get("chatixia.reader") or SCRIPT))
    return error.exit


def as_object(error: MeshError, meta: dict[str, Any]) -> None:
    """With ``--json``, an error on stdout, if it is still read."""
    if meta.get("chatixia.json"):
        fields = {
            "code": error.code,
            "message": error.message,
            "retryable": error.retryable,
            "outcome": error.outcome,
        }
        where = {"agent": error.agent, "via": error.via}
        named = {name: value for name, value in where.items() if value is not None}
        with suppress(BrokenPipeError):
            output.emit(output.document("error", {"error": fields | named}))


def not_printed(error: OSError | UnicodeError) -> MeshError | None:
    """Text that cannot leave this process, as a MeshError; None for any other."""
    from chatixia.errors import BadRequest, ConfigError

    from . import streams

    if isinstance(error, UnicodeError):
        text = error.object if isinstance(error, UnicodeEncodeError) else ""
        readable = output.readable(text[:80])
        return BadRequest(f"Text that is not UTF-8 cannot be used{f': {readable}' * bool(text)}.")
    frames = [frame.f_code for frame, _ in walk_tb(error.__traceback__)]
    if error.filename is None and frames and frames[-1].co_filename == echo.__code__.co_filename:
        streams.mute()
        return ConfigError(streams.unwritable(error))
    return None


def on_disk(error: OSError | UnicodeError) -> MeshError | None:
    """An error of the file system as a MeshError with its cure; None for any other."""
    from chatixia.assembly.error_text import disk_cure, of_system
    from chatixia.errors import ConfigError

    if not isinstance(error, OSError) or not disk_cure(error):
        return None
    explained = ConfigError(of_system(error))
    explained.__cause__ = error
    return explained


def broken(error: Exception, meta: dict[str, Any]) -> int:
    """A defect of chatixia."""
    from chatixia.errors import Internal

    name = type(error).__name__
    as_object(Internal(f"Something broke inside chatixia ({name})."), meta)
    tell(f"Something broke inside chatixia ({name}: {error}). Run it again with -v to see where.")
    return FAILED


def tell(text: str) -> None:
    """One line to stderr, its first word red where a terminal shows colours."""
    word = click.style("error", fg="red") if output.coloured() else "error"
    with suppress(OSError):  # nobody reads it
        click.echo(f"{word}  {output.readable(text)}", err=True)
