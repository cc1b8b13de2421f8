"""``chatixia ask AGENT TEXT``: ask an agent; its answer is printed as it comes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from . import output
from .bar import Bar
from .common import Console, common, in_mesh, waits
from .events import EventPrinter

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh
    from chatixia.client.progress import Progress
    from chatixia.wire.peer import PromptFile, PromptPreview


ALL_S: Final = 60.0
"""How long the slowest of all agents is waited for, unless said otherwise."""


class Question(NamedTuple):
    """One question as it was typed. ``timeout``: seconds for all of it."""

    agent: str
    text: str
    timeout: float
    session: str = ""
    files: tuple[PromptFile, ...] = ()
    returns: dict[str, Any] | None = None

    def options(self) -> dict[str, Any]:
        """For ``handle.ask``."""
        return {"session_id": self.session, "files": self.files, "returns": self.returns}


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[AGENT] TEXT...")
@click.option("--session", default="", metavar="NAME", help="Go on with the conversation NAME.")
@click.option(
    "--file",
    "paths",
    multiple=True,
    metavar="FILE",
    help="Send a text or an image too; may be repeated.",
)
@click.option("--schema", default="", metavar="FILE", help="The answer is JSON that fits FILE.")
@click.option("--dry-run", is_flag=True, help="Show what the model would be given, and ask none.")
@click.option("--all", "everyone", is_flag=True, help="Send it to every agent; give no AGENT then.")
@click.option("--no-wait", is_flag=True, help="With --all: do not wait for answers.")
@waits(600.0, "Deadline, default 600 (--all: 60); without text or event it ends after 60.")
@common
@click.pass_context
def ask(
    ctx: click.Context,
    console: Console,
    words: tuple[str, ...],
    session: str,
    paths: tuple[str, ...],
    schema: str,
    dry_run: bool,
    everyone: bool,
    no_wait: bool,
    timeout: float,
) -> None:
    """Ask AGENT in plain language; its prompt handler or model answers.

    The answer goes to stdout as it comes; what the agent does meanwhile, and what it took, to
    stderr.
    """
    if everyone:
        if session or paths or schema or dry_run:
            raise click.UsageError("--all sends a text alone.")
        message, seconds = " ".join(words), timeout if is_typed(ctx, "timeout") else ALL_S
        in_mesh(console, lambda mesh: tell(mesh, console, message, not no_wait, seconds), seconds)
        return
    if len(words) < 2:
        raise click.UsageError("Give a text too: chatixia ask AGENT TEXT.")
    from chatixia.client.prompt_files import prompt_files

    question = Question(
        words[0],
        " ".join(words[1:]),
        timeout,
        check_session(session),
        prompt_files(paths),
        read_schema(schema) if schema else None,
    )
    work = preview if dry_run else answer
    in_mesh(console, lambda mesh: work(mesh, console, question), timeout)


def is_typed(ctx: click.Context, name: str) -> bool:
    """Whether an option was given, and is not its default."""
    return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT


def check_session(name: str) -> str:
    """``name``, if a conversation can have it."""
    if len(name) > 64 or not name.isprintable():
        raise click.UsageError("A session's name has at most 64 characters, on one line.")
    return name


def read_schema(path: str) -> dict[str, Any]:
    """The JSON Schema in a file. Raises BadArguments."""
    import msgspec

    from chatixia.client.ask import MAX_SCHEMA
    from chatixia.errors import BadArguments

    try:
        with Path(path).open("rb") as file:
            schema = msgspec.json.decode(file.read(MAX_SCHEMA + 1))
    except OSError as error:
        raise BadArguments(f"{path} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise BadArguments(f"{path} is no JSON of at most {MAX_SCHEMA} bytes: {error}.") from None
    if not isinstance(schema, dict):
        raise BadArguments(f"{path}: a JSON Schema is an object.")
    return schema


async def answer(mesh: Mesh, console: Console, question: Question) -> None:
    """Ask one agent and print its answer piece by piece."""
    from chatixia.world import REAL

    began = REAL.monotonic()
    handle = mesh.agent(question.agent, timeout=question.timeout)
    with Bar(console) as bar:
        printed = AnswerPrinter(console, bar)
        async with handle.ask(question.text, **question.options()) as pieces:
            async for step in pieces.events():
                printed.step(step)
            via = pieces.via
    printed.end(question.agent, via, 1000 * (REAL.monotonic() - began))


class AnswerPrinter:
    """Prints one answer: its text to stdout, the rest to stderr."""

    def __init__(self, console: Console, bar: Bar) -> None:
        self._console, self._bar = console, bar
        self._events = EventPrinter(console)
        self._text: list[str] = []
        self._last = "\n"

    def step(self, step: Progress) -> None:
        """A piece of text, an event, or how far it is."""
        self._bar.clear()
        if step.event is not None:
            self._event(step)
        elif step.item is not None:
            self._piece(output.faithful(step.item))
        elif self._console.as_json:
            self._console.data("progress", {"fraction": step.fraction, "note": step.note})
        else:
            self._bar.step(step)

    def _event(self, step: Progress) -> None:
        assert step.event is not None
        if step.event.kind == "fallback":
            self._text.clear()
        if not self._console.as_json and self._mid_line(step.event.kind):
            output.emit("")
            self._last = "\n"
        self._events.show(step.event)

    def _mid_line(self, kind: str) -> bool:
        """Whether a line of stdout stands open that this would run into, or that is taken back."""
        if self._last.endswith("\n"):
            return False
        return kind == "fallback" or (
            not self._console.quiet
            and kind != "usage"
            and sys.stdout.isatty()
            and sys.stderr.isatty()
        )

    def _piece(self, text: str) -> None:
        if not text:
            return
        self._text.append(text)
        self._last = text
        if self._console.as_json:
            self._console.data("text", {"text": text})
        else:
            output.emit(text, "")

    def end(self, agent: str, via: str, ms: float) -> None:
        """That was all: the whole answer with `--json`, and what it took."""
        tally, text = self._events.tally, "".join(self._text)
        fields = {"agent": agent, "text": text, "via": via, "ms": round(ms, 1)}
        self._console.data("answer", {**fields, **tally.fields})
        if not self._console.as_json and not self._last.endswith("\n"):
            output.emit("")
        self._console.say(tally.footer(agent, via, ms))


async def preview(mesh: Mesh, console: Console, question: Question) -> None:
    """Print what a model would be given."""
    import msgspec

    from chatixia.wire.peer import PromptPreview

    handle = mesh.agent(question.agent, timeout=min(question.timeout, 60.0))
    reply = await handle.ask(question.text, dry_run=True, **question.options()).reply()
    shown = msgspec.convert(msgspec.to_builtins(reply.value), PromptPreview)
    console.data("preview", msgspec.to_builtins(shown), rendered(shown))
    if not console.as_json:
        console.say(f"  {question.agent}, {reply.via}; no model was asked")


def rendered(shown: PromptPreview) -> str:
    """A preview as people read it: the instructions, the tools, the estimate."""
    from .events import money

    price = "no price is known" if shown.cost is None else f"about {money(shown.cost)}"
    rows: list[output.Row] = [
        ("model", output.in_line(shown.model), ""),
        ("estimate", f"{shown.tokens:,} tokens", price),
        ("history", f"{shown.messages} message{'s' * (shown.messages != 1)}", ""),
    ]
    tools: list[output.Row] = [
        (output.in_line(tool.name), tool.effect, output.in_line(tool.description)[:100])
        for tool in shown.tools
    ]
    parts = [shown.instructions.rstrip(), "", output.rows(rows)]
    return "\n".join([*parts, "", "  tools", output.rows(tools) or "  none"])


async def tell(mesh: Mesh, console: Console, text: str, wait: bool, timeout: float) -> None:
    """Tell everyone, and print who got it and what they said."""
    receipts = await mesh.broadcast(text, wait=wait, timeout=timeout)
    for receipt in receipts:
        # Further lines of an answer stand in, so that none looks like another agent's.
        answer = "\n  ".join((receipt.reply if receipt.ok else receipt.message).splitlines())
        line = f"{receipt.agent}: {output.plain(answer)}" if answer else receipt.agent
        console.data("receipt", {"receipt": receipt}, line)
    if not receipts:
        console.say("  No agent is online to hear it. Start one with `chatixia run FOLDER`.")
