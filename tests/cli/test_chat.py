"""A chat on a real pseudo-terminal: the screen is the transcript, at any width."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.chat import Chat
from chatixia.cli.chat import piped
from chatixia.cli.common import Console
from chatixia.cli.wrapping import wrap
from chatixia.errors import MeshError
from tests.agent.loopback import Net
from tests.agent.served import Served, client
from tests.cli.chat_child import ERROR, LONG, reply
from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
OPENING = "  helper, s1; /new, /retry, /model, /export [FILE]; Ctrl-D leaves"
FOOTER = "  helper, direct"
LEAVING = "  go on with: chatixia chat helper --session s1"
YOU_SAID = ["> hello", "You said: hello�[2J", "Second line.", FOOTER]


class Chatting:
    """A terminal with a chat on it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.type = terminal.type
        self.until = terminal.until
        self.idle()

    def idle(self, footers: int = 0) -> None:
        """Wait for so many answers and an empty input."""
        self.until(lambda s: bool(s) and s[-1] == ">" and s.count(FOOTER) >= footers)

    def leave(self) -> list[str]:
        """Leave, and all that stands there."""
        self.type("\x04")
        assert self.terminal.end() == 0
        return self.terminal.shown


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Callable[[int], Chatting]]:
    opened: list[Terminal] = []

    def start(columns: int = 80) -> Chatting:
        command = [sys.executable, "-m", "tests.cli.chat_child"]
        env = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        opened.append(Terminal(command, columns, env=env, cwd=str(tmp_path)))
        return Chatting(opened[-1])

    yield start
    for terminal in opened:
        terminal.__exit__(None, None, None)


@pytest.mark.parametrize("columns", [80, 200])
def test_the_final_screen_is_the_transcript(chat: Any, columns: int):
    it = chat(columns)
    it.type("hello\r")
    it.idle(1)
    it.type("long\r")
    it.idle(2)
    it.type("fail\r")
    it.until("error")
    it.idle(2)
    for n in range(12):  # more than the screen is high
        it.type(f"line {n}\r")
        it.idle(3 + n)
    error = f"error  {ERROR} Try again in a moment."
    more = [line for n in range(12) for line in (w.replace("hello", f"line {n}") for w in YOU_SAID)]
    assert it.leave() == [
        OPENING,
        *YOU_SAID,
        "> long",
        *wrap(LONG.strip(), columns),
        FOOTER,
        "> fail",
        "It begins, and",
        *wrap(error, columns),
        *more,
        LEAVING,
    ]


def test_ctrl_c_interrupts_the_answer_and_what_waits_is_told_of(chat: Any):
    it = chat()
    it.type("hang\r")
    it.until("It begins, and")
    it.type("rather this\r")
    it.until("asked when this answer has ended")
    it.type("\x03")
    it.until("interrupted")
    it.type("hello\r")
    it.idle(1)
    assert it.leave() == [
        OPENING,
        "> hang",
        "It begins, and",
        "> rather this",
        "  It is asked when this answer has ended.",
        "  interrupted; 1 line that waited left out",
        *YOU_SAID,
        LEAVING,
    ]


def test_a_line_is_edited_and_the_one_before_comes_back(chat: Any):
    it = chat()
    it.type("wrong\x03")
    it.type("helo\x1b[Dl\r")
    it.idle(1)
    it.type("\x1b[A\r")
    it.idle(2)
    assert it.leave() == [OPENING, *YOU_SAID, *YOU_SAID, LEAVING]


def test_a_long_input_wraps_and_leaves_as_a_question(chat: Any):
    it = chat(80)
    question = "please " * 30
    it.type(question)
    it.until(lambda s: sum("please" in line for line in s) >= 3)
    it.type("\r")
    it.idle(1)
    shown = it.leave()
    assert shown[1:4] == [f"> {line}" for line in wrap(question.strip(), 78)]


def test_the_words_with_a_slash(chat: Any, tmp_path: Path):
    it = chat()
    for word, says in (
        ("/retry", "Nothing was asked yet."),
        ("/model", "No model of helper has answered yet."),
        ("/what", "There is no /what; there are /new"),
    ):
        it.type(f"{word}\r")
        it.until(says)
    it.type("hello\r")
    it.idle(1)
    it.type("/retry\r")
    it.idle(2)
    it.type("/export talk.md\r")
    it.until("written to talk.md")
    it.type("/export talk.md\r")
    it.until("talk.md is there already")
    it.type("//etc\r")
    it.until("You said: /etc")
    it.idle(3)
    it.type("/new\r")
    it.until("  chat-")
    assert any("--session chat-" in line for line in it.leave())
    text = (tmp_path / "talk.md").read_text(encoding="utf-8")
    assert text.startswith("# helper, s1\n\n**you:** hello\n\nYou said: hello")
    assert text.count("**you:** hello") == 2


def test_what_is_logged_stands_on_a_line_of_its_own(chat: Any):
    it = chat()
    it.type("log\r")
    it.idle(1)
    assert it.leave()[2:4] == ["a warning of the log", "You said: log�[2J"]


def test_nothing_is_painted_but_by_the_screen(chat: Any):
    """No question to the terminal, no other screen, no mode that stays on after the end."""
    it = chat()
    it.type("hello\r")
    it.idle(1)
    it.leave()
    raw = it.terminal.raw
    assert b"\x1b[6n" not in raw
    assert b"\x1b[?1049h" not in raw
    assert raw.rfind(b"\x1b[?2004l") > raw.rfind(b"\x1b[?2004h")
    assert b"\x1b[2J" not in raw


@pytest.mark.parametrize("as_json", [False, True])
async def test_from_a_pipe_each_line_is_a_question(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    net = Net()
    served = Served(net, "helper", prompt=reply)
    monkeypatch.setattr(sys, "stdin", io.StringIO("hello\n\nagain\nfail\nnever\n"))
    with pytest.raises(MeshError, match="is away"):
        await piped(Chat(client(net), "helper", "s1"), Console(as_json, False, 0, ""))
    served.close()
    out = capsys.readouterr().out
    if as_json:
        answers = [json.loads(line) for line in out.splitlines()]
        assert [answer["session"] for answer in answers] == ["s1", "s1"]
        assert answers[1]["text"] == "You said: again\x1b[2J\nSecond line."
    else:
        expected = [f"You said: {word}\x1b[2J\nSecond line.\n" for word in ("hello", "again")]
        assert out == "".join(expected) + "It begins, and "
