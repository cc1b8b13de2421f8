"""`ask` prints an answer as it comes, and a broadcast's receipts."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatixia import Agent
from chatixia.cli import ask as command
from chatixia.cli.ask import Question, answer, preview, tell
from chatixia.cli.common import Console
from chatixia.core.ports import Incoming, Responder
from chatixia.testing import mesh_of
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack, tool_began, tool_ended
from chatixia.wire.peer import PreviewTool, Prompt, PromptPreview
from tests.agent.loopback import Net
from tests.agent.served import client


def speaker(name: str) -> Agent:
    agent = Agent(name)

    @agent.prompt
    async def reply(text: str) -> AsyncIterator[str]:
        for word in (name, " heard ", text):
            yield word

    return agent


async def test_one_agent(capsys):
    async with mesh_of(speaker("anna")) as mesh:
        await answer(mesh, Console(False, False, 0, ""), Question("anna", "hello", 5.0))
        assert capsys.readouterr() == ("anna heard hello\n", "  anna, direct\n")
        await answer(mesh, Console(True, True, 0, ""), Question("anna", "hello", 5.0))
    *pieces, said = map(json.loads, capsys.readouterr().out.splitlines())
    assert (said["kind"], said["text"]) == ("answer", "anna heard hello")
    assert [(one["kind"], one["text"]) for one in pieces] == [
        ("text", "anna"),
        ("text", " heard "),
        ("text", "hello"),
    ]


async def test_everybody(capsys):
    async with mesh_of(speaker("anna"), speaker("bob")) as mesh:
        await tell(mesh, Console(False, False, 0, ""), "hello", True, 5.0)
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == ["anna: anna heard hello", "bob: bob heard hello"]


async def test_nobody(capsys):
    async with mesh_of() as mesh:
        await tell(mesh, Console(False, False, 0, ""), "hello", True, 5.0)
    out, err = capsys.readouterr()
    assert (out, "No agent is online" in err) == ("", True)


async def test_no_answer_speaks_for_another(capsys):
    async with mesh_of(speaker("anna")) as mesh:
        await tell(mesh, Console(False, False, 0, ""), "one\nbob: two", True, 5.0)
    assert capsys.readouterr().out == "anna: anna heard one\n  bob: two\n"


def test_text_is_needed(type_):
    assert type_("ask", "anna").code == 2


EVENTS = (
    tool_began("1", "forecast", '{"city":"Oslo"}', visible=True, agent="weather"),
    tool_ended("1", "forecast", "rain\nfake", ok=True, ms=41.0, visible=True, agent="weather"),
    AgentEvent("usage", input_tokens=1000, output_tokens=234, cost=0.0021),
)


def thinker(*steps: str | AgentEvent) -> Any:
    """A mesh with an agent that answers with these."""
    net = Net()

    async def handle(incoming: Incoming, responder: Responder) -> None:
        handle.prompts.append(msgspec.json.decode(incoming.body, type=Prompt))  # type: ignore[attr-defined]
        for step in steps:
            if isinstance(step, str):
                await responder.item(msgspec.json.encode(step))
            else:
                await responder.item(EMPTY_ITEM, event=pack(step))
        responder.reply(b'""')

    handle.prompts = []  # type: ignore[attr-defined]
    net.port("helper").serve(handle, [], 1)
    return client(net), handle.prompts  # type: ignore[attr-defined]


def console(as_json: bool = False, quiet: bool = False) -> Console:
    return Console(as_json, quiet, 0, "")


async def test_events_and_a_footer_go_to_stderr(capsys):
    mesh, _ = thinker("It ", *EVENTS[:2], "rains.", EVENTS[2])
    await answer(mesh, console(), Question("helper", "weather?", 5.0))
    out, err = capsys.readouterr()
    assert out == "It rains.\n"
    first, second, footer = err.splitlines()
    assert first == '  tool      weather/forecast {"city":"Oslo"}'
    assert second.startswith("  tool      weather/forecast: ok, 41 ms rain")
    assert footer.startswith("  helper, direct, 1,234 tokens, $0.0021, 1 tool, ")


async def test_quiet_prints_the_text_alone(capsys):
    mesh, _ = thinker("It ", *EVENTS, "rains.")
    await answer(mesh, console(quiet=True), Question("helper", "weather?", 5.0))
    assert capsys.readouterr() == ("It rains.\n", "")


async def test_json_is_a_line_for_each_piece_and_event_and_the_answer_last(capsys):
    mesh, _ = thinker("It ", *EVENTS, "rains.")
    await answer(mesh, console(as_json=True, quiet=True), Question("helper", "weather?", 5.0))
    lines = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [one["kind"] for one in lines] == ["text", "event", "event", "event", "text", "answer"]
    assert lines[1]["event"]["name"] == "forecast"
    assert (lines[-1]["text"], lines[-1]["tools"], lines[-1]["cost"]) == ("It rains.", 1, 0.0021)


async def test_what_another_model_takes_back_is_no_part_of_the_answer(capsys):
    steps = ("wro", AgentEvent("fallback", model="ollama:b", text="the first is down"), "right")
    mesh, _ = thinker(*steps)
    await answer(mesh, console(as_json=True, quiet=True), Question("helper", "x", 5.0))
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["text"] == "right"
    await answer(mesh, console(), Question("helper", "x", 5.0))
    out, err = capsys.readouterr()
    assert out == "wro\nright\n"
    assert "ollama:b goes on; the text so far is taken back: the first is down" in err


async def test_an_event_steers_no_terminal(capsys):
    mesh, _ = thinker(AgentEvent("thinking", text="\x1b[2J\nhelper, direct"))
    await answer(mesh, console(), Question("helper", "x", 5.0))
    err = capsys.readouterr().err
    assert "\x1b" not in err and len(err.splitlines()) == 2


async def test_session_files_and_schema_go_with_the_prompt(capsys):
    from chatixia.client.prompt_files import prompt_files

    mesh, prompts = thinker("{}")
    files = prompt_files([Path(__file__)])
    question = Question("helper", "x", 5.0, "trip", files, {"type": "object"})
    await answer(mesh, console(), question)
    (prompt,) = prompts
    assert (prompt.session_id, prompt.files[0].name) == ("trip", "test_ask.py")
    assert bytes(prompt.returns) == b'{"type":"object"}'
    capsys.readouterr()


async def test_a_preview_shows_prompt_tools_and_estimate(capsys):
    net, tools = Net(), [PreviewTool("forecast", "read", "The weather.")]
    shown = PromptPreview("openai:x", "You are helper.", 3, tools, 1500, 0.01)

    async def handle(incoming: Incoming, responder: Responder) -> None:
        assert msgspec.json.decode(incoming.body, type=Prompt).dry_run
        responder.reply(msgspec.json.encode(shown))

    net.port("helper").serve(handle, [], 1)
    await preview(client(net), console(), Question("helper", "x", 5.0))
    out, err = capsys.readouterr()
    assert out.startswith("You are helper.\n")
    for text in ("openai:x", "1,500 tokens", "about $0.0100", "3 messages", "forecast  read"):
        assert text in out
    assert "no model was asked" in err
    await preview(client(net), console(as_json=True), Question("helper", "x", 5.0))
    assert json.loads(capsys.readouterr().out)["tools"][0]["name"] == "forecast"


def test_the_words_make_a_question(type_, monkeypatch, tmp_path: Path):
    asked: list[Any] = []
    monkeypatch.setattr(command, "in_mesh", lambda console, work, timeout: work(None))
    monkeypatch.setattr(command, "answer", lambda mesh, console, question: asked.append(question))
    (tmp_path / "s.json").write_text('{"type":"string"}')
    (tmp_path / "a.txt").write_text("hello")
    words = ("--session", "trip", "--schema", str(tmp_path / "s.json"))
    assert type_("ask", "anna", "how", "far", *words, "--file", str(tmp_path / "a.txt")).code == 0
    (question,) = asked
    assert (question.agent, question.text, question.session) == ("anna", "how far", "trip")
    assert (question.returns, question.files[0].data) == ({"type": "string"}, b"hello")
    assert question.timeout == 600


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--schema", "missing.json"), "cannot be read"),
        (("--schema", "list.json"), "is an object"),
        (("--schema", "bad.json"), "no JSON"),
        (("--file", "missing.png"), "cannot be read"),
        (("--file", "bytes.bin"), "neither UTF-8 text nor"),
        (("--session", "x" * 65), "at most 64"),
        (("--all", "--dry-run"), "a text alone"),
    ],
)
def test_what_cannot_be_asked(type_, monkeypatch, tmp_path: Path, words, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "bytes.bin").write_bytes(b"\xff\x00")
    done = type_("ask", "anna", "hello", *words)
    assert (done.code, text in done.err, done.out) == (2, True, "")


def test_all_are_waited_for_a_minute_unless_said_otherwise(type_, monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(command, "in_mesh", lambda console, work, timeout: waits.append(timeout))
    type_("ask", "--all", "hello")
    type_("ask", "--all", "hello", "--timeout", "5")
    type_("ask", "anna", "hello")
    assert waits == [60, 5, 600]


async def test_on_a_terminal_an_event_begins_a_line_of_its_own(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    mesh, _ = thinker("It ", *EVENTS, "rains.")
    await answer(mesh, console(), Question("helper", "x", 5.0))
    assert capsys.readouterr().out == "It \nrains.\n"
    mesh, _ = thinker("It ", *EVENTS, "rains.")
    await answer(mesh, console(quiet=True), Question("helper", "x", 5.0))
    assert capsys.readouterr().out == "It rains.\n"
