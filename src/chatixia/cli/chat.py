"""``chatixia chat AGENT``: a conversation with an agent, typed line by line."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from contextlib import aclosing, contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import click

from . import output
from .common import Console, common, in_mesh, set_up_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatixia.assembly.chat import Chat
    from chatixia.client.mesh import Mesh
    from chatixia.client.progress import Progress

COMMANDS: Final = "/new, /retry, /model, /export [FILE]"
WAITS: Final = "..."
MAX_WAITING: Final = 32
"""Lines typed meanwhile that wait for their turn."""


@click.command()
@click.argument("agent")
@click.option("--session", default="", metavar="NAME", help="Go on with the conversation NAME.")
@common
def chat(console: Console, agent: str, session: str) -> None:
    """Talk with AGENT, line by line; its answer is printed as it comes.

    Ctrl-C interrupts an answer, Ctrl-D leaves. What is typed while an answer comes is for the run
    that is under way. /new begins another conversation, /retry asks the last question again, /model
    says who answers, /export [FILE] writes down what was said; // at the begin is a slash.
    """
    from .ask import check_session

    check_session(session)
    in_mesh(console, lambda mesh: converse(mesh, console, agent, session))


async def converse(mesh: Mesh, console: Console, agent: str, session: str) -> None:
    """The whole conversation: on a terminal, or line by line from a pipe."""
    from chatixia.assembly.chat import Chat

    conversation = Chat(mesh, agent, session)
    if console.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        await piped(conversation, console)
    else:
        await TypedChat(conversation, console).run()


async def piped(conversation: Chat, console: Console) -> None:
    """Each line of standard input is a question; answers go to stdout, all else to stderr.

    Raises the first MeshError.
    """
    from .events import EventPrinter

    while line := await asyncio.to_thread(sys.stdin.readline):
        if not (text := line.strip()):
            continue
        events = EventPrinter(console)
        async with aclosing(conversation.ask(text)) as steps:
            async for step in steps:
                if step.event is not None:
                    events.show(step.event)
                elif step.item is not None and not console.as_json:
                    output.emit(output.faithful(step.item), "")
        answer = conversation.turns[-1].answer
        if not console.as_json and not answer.endswith("\n"):
            output.emit("")
        fields = {
            "agent": conversation.agent,
            "session": conversation.session,
            "text": answer,
            "via": conversation.via,
        }
        console.data("answer", {**fields, **events.tally.fields})


class TypedChat:
    """A conversation on a terminal."""

    def __init__(self, conversation: Chat, console: Console) -> None:
        from .chat_screen import ChatScreen

        self._chat, self._console = conversation, console
        self._screen = ChatScreen(self._line, self._interrupt)
        self._asking: asyncio.Task[None] | None = None
        self._waiting: deque[str] = deque()
        self._beside: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until Ctrl-D."""
        self._screen.line(f"  {self._chat.agent}, {self._chat.session}; {COMMANDS}; Ctrl-D leaves")
        with self._errors_shown():
            try:
                await self._screen.run()
            finally:
                await self._stop()
        self._console.say(
            f"  go on with: chatixia chat {self._chat.agent} --session {self._chat.session}"
        )

    @contextmanager
    def _errors_shown(self) -> Iterator[None]:
        """What anything writes to stderr stands on a line of the screen, not across it."""
        loop = asyncio.get_running_loop()  # the log is written from any thread
        lines = LineWriter(lambda text: loop.call_soon_threadsafe(self._screen.line, text))
        try:
            with redirect_stderr(cast(TextIO, lines)):
                set_up_logging(self._console.verbose)
                yield
        finally:
            set_up_logging(self._console.verbose)

    async def _stop(self) -> None:
        running = [*self._beside, *([self._asking] if self._asking is not None else [])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # What is typed.

    def _line(self, text: str) -> None:
        text = text.strip()
        if not text:
            return
        self._screen.question(text)
        if text.startswith("/") and not text.startswith("//"):
            self._command(*text[1:].split(maxsplit=1))
            return
        self._say(text.removeprefix("/") if text.startswith("//") else text)

    def _say(self, text: str) -> None:
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask(text))
            return
        task = asyncio.ensure_future(self._steer(text))
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def _command(self, name: str = "", argument: str = "") -> None:
        from chatixia.errors import MeshError

        act = {"new": self._new, "retry": self._retry, "model": self._model, "export": self._export}
        try:
            if name not in act:
                self._screen.line(f"  There is no /{name}; there are {COMMANDS}.")
            elif self._asking is not None and name in ("new", "retry"):
                self._screen.line("  An answer is under way; Ctrl-C interrupts it.")
            else:
                act[name](argument)
        except MeshError as error:
            self._screen.error(explained(error))

    def _new(self, _argument: str) -> None:
        self._screen.line(f"  {self._chat.new()}")

    def _retry(self, _argument: str) -> None:
        self._say(self._chat.last)

    def _model(self, _argument: str) -> None:
        conversation = self._chat
        self._screen.line(
            f"  {conversation.model}, {conversation.tokens:,} tokens so far"
            if conversation.model
            else f"  No model of {conversation.agent} has answered yet."
        )

    def _export(self, argument: str) -> None:
        self._screen.line(f"  written to {output.home(str(self._chat.export(argument)))}")

    def _interrupt(self) -> None:
        if self._asking is None:
            self._screen.line("  Ctrl-D leaves.")
        else:
            self._asking.cancel()

    # What comes.

    async def _ask(self, text: str) -> None:
        """One answer, and then those of what waits."""
        try:
            await self._answer(text)
        finally:
            self._asking = None
            self._screen.status(None)
            self._screen.end_text()
        if self._waiting:
            self._say(self._waiting.popleft())

    async def _answer(self, text: str) -> None:
        from chatixia.errors import MeshError
        from chatixia.world import REAL

        from .events import Tally

        tally, began = Tally(), REAL.monotonic()
        self._screen.status(WAITS)
        try:
            async with aclosing(self._chat.ask(text)) as steps:
                async for step in steps:
                    self._show(step, tally)
        except MeshError as error:
            self._screen.error(explained(error))
        except asyncio.CancelledError:
            left = len(self._waiting)
            self._waiting.clear()
            lost = f"; {left} line{'s' * (left > 1)} that waited left out" if left else ""
            self._screen.line(f"  interrupted{lost}")
            raise
        else:
            ms = 1000 * (REAL.monotonic() - began)
            self._screen.line(tally.footer(self._chat.agent, self._chat.via, ms))

    def _show(self, step: Progress, tally: Any) -> None:
        from .events import line

        if step.event is not None:
            tally.add(step.event)
            thought = step.event.text if step.event.kind == "thinking" else ""
            self._screen.status(thought or WAITS)
            if step.event.kind == "thinking":
                return  # one after the other, as long as it thinks
            if text := line(step.event, sys.maxsize):
                # An error is told whole; what went well is one line.
                self._screen.line(text, whole=not step.event.ok)
        elif step.item is not None:
            self._screen.text(output.faithful(step.item))

    async def _steer(self, text: str) -> None:
        if await self._chat.steer(text):
            if self._asking is not None:
                self._screen.status("The run under way has it.")
        elif self._asking is None:
            self._say(text)
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(text)
            self._screen.line("  It is asked when this answer has ended.")
        else:
            self._screen.line(f"  {MAX_WAITING} lines wait already; it was left out.")


class LineWriter:
    """A text file of which each line goes to ``show``."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show, self._rest = show, ""

    def write(self, text: str) -> int:
        """Show the lines that end with this."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._show(line)
        return len(text)

    def flush(self) -> None:
        """Nothing waits but a line that has not ended."""

    def isatty(self) -> bool:
        """No: what is written here has no colours."""
        return False


def explained(error: Any) -> str:
    """An error's sentence with its cure."""
    from chatixia.assembly.error_text import Audience, explain

    return explain(error, Audience("chat"))
