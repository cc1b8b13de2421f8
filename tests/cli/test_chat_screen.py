"""What is painted while an answer grows and a line is typed, without a terminal of the system."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pyte
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from chatixia.cli import chat_screen as module
from chatixia.cli.chat_screen import ChatScreen
from tests.until import until


class Painted:
    """A screen under test, what it shows, and what was typed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keys: PipeInput) -> None:
        self._out, self._terminal = io.StringIO(), pyte.Screen(20, 10)
        self._painter = pyte.Stream(self._terminal)
        output = Vt100_Output(self._out, lambda: Size(10, 20), enable_cpr=False)
        monkeypatch.setattr(module, "_terminal", lambda: output)
        self.typed: list[str] = []
        self.keys = keys
        self.screen = ChatScreen(self.typed.append, lambda: self.typed.append("interrupt"))

    @property
    def lines(self) -> list[str]:
        """What stands there."""
        self._painter.feed(self._out.getvalue())
        self._out.seek(0)
        self._out.truncate()
        return [line.rstrip() for line in self._terminal.display if line.strip()]

    async def shows(self, *lines: str) -> None:
        """Wait until it is exactly that."""
        await until(lambda: self.lines == list(lines), 10, what=f"{lines}, not {self.lines}")


@asynccontextmanager
async def painted(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Painted]:
    with create_pipe_input() as keys, create_app_session(input=keys):
        made = Painted(monkeypatch, keys)
        running = asyncio.ensure_future(made.screen.run())
        await made.shows(">")
        yield made
        made.screen.leave()
        await running


async def test_a_line_grows_above_the_input_and_stays_when_it_is_full(
    monkeypatch: pytest.MonkeyPatch,
):
    async with painted(monkeypatch) as it:
        it.screen.status("thinks\nof much")
        it.screen.text("One two")
        await it.shows("One two", ">")
        it.keys.send_text("typed")
        await it.shows("One two", "> typed")
        it.screen.text(" three four five")
        await it.shows("One two three four", "five", "> typed")
        it.screen.line("  find Oslo and more than fits", whole=False)
        await it.shows(
            "One two three four", "five", "  find Oslo and mor…", "  thinks of much", "> typed"
        )
        it.screen.text("six")
        it.screen.status(None)
        it.screen.end_text()
        it.keys.send_text("\r")
        await it.shows("One two three four", "five", "  find Oslo and mor…", "six", ">")
        assert it.typed == ["typed"]
    assert it.lines[-1] == "six"


async def test_an_error_is_told_whole(monkeypatch: pytest.MonkeyPatch):
    async with painted(monkeypatch) as it:
        it.screen.text("half")
        it.screen.error("It is away, as this says.")
        await it.shows("half", "error  It is away,", "as this says.", ">")


async def test_a_question_stands_as_it_was_typed(monkeypatch: pytest.MonkeyPatch):
    async with painted(monkeypatch) as it:
        it.screen.question("a long question of words")
        await it.shows("> a long question of", "> words", ">")


async def test_nothing_of_a_foreign_text_steers_the_terminal(monkeypatch: pytest.MonkeyPatch):
    async with painted(monkeypatch) as it:
        it.screen.text("a\x1b[2Jb\x07\r\nc\n")
        await it.shows("a�[2Jb�", "c", ">")


async def test_ctrl_c_takes_back_what_is_typed_and_else_interrupts(
    monkeypatch: pytest.MonkeyPatch,
):
    async with painted(monkeypatch) as it:
        it.keys.send_text("abc")
        await it.shows("> abc")
        it.keys.send_text("\x03")
        await it.shows(">")
        it.keys.send_text("\x03")
        await until(lambda: it.typed == ["interrupt"])
        it.keys.send_text("x\x04\x04")  # not empty: nothing to delete at its end
        await it.shows("> x")
        it.screen.leave()
