"""Agents that are described and not programmed, as processes: from an empty folder to an answer
that used a skill of another agent, with every step seen; and without a key."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.chat_endpoint import Answer, ChatEndpoint, Message, since_prompt, text_of
from tests.lab.procs import Procs

QUESTION = "What is the weather in Oslo?"
CALL = {"skill": "forecast", "arguments": {"city": "Oslo"}}


def script(messages: list[Message]) -> Answer:
    """Call the forecast when asked for the weather, and say what came of it."""
    results = since_prompt(messages, "tool")
    if results:
        return Answer("Measured", ": ", text_of(results[-1]))
    if "weather" in text_of([one for one in messages if one["role"] == "user"][-1]):
        return Answer("Let me ask. ", calls=[("c1", "call-skill", CALL)])
    return Answer("Hello", " you")


@pytest.fixture
def endpoint() -> Iterator[ChatEndpoint]:
    with ChatEndpoint(script) as made:
        yield made


@pytest.fixture
def mesh(procs: Procs) -> Procs:
    """A registry, and an agent that knows the weather."""
    procs.start("up", "--port", "0").wait_for("registry")
    assert procs.run("init", "weather").returncode == 0
    procs.start("run", "weather").wait_for("online")
    return procs


def key(endpoint: ChatEndpoint) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "unused",
        "OPENAI_BASE_URL": endpoint.url,
        "AGENT_MODEL": "m",
    }


def ask(procs: Procs, *words: str) -> subprocess.CompletedProcess[str]:
    return procs.run("ask", *words)


def test_from_an_empty_folder_to_an_answer_that_used_anothers_skill(
    mesh: Procs, endpoint: ChatEndpoint
):
    assert mesh.run("init", "helper", "--role", "researcher").returncode == 0
    helper = mesh.start("run", "helper")
    helper.wait_for("online")
    without = ask(mesh, "helper", QUESTION)
    assert without.returncode != 0
    assert without.stderr.count("\n") == 1 and "OPENAI_API_KEY" in without.stderr
    assert helper.stop() == 0

    mesh.start("run", "helper", **key(endpoint)).wait_for("online")
    done = ask(mesh, "helper", QUESTION)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Let me ask. ")
    assert '"city":"Oslo"' in done.stdout.partition("Measured: ")[2]
    for words in ("call-skill", '"forecast"', "weather", ": ok, ", "tokens", "1 tool"):
        assert words in done.stderr, words
    printed = ask(mesh, "helper", QUESTION, "--json").stdout
    lines = [json.loads(text) for text in printed.splitlines()]
    kinds = [one["event"]["kind"] for one in lines if one["kind"] == "event"]
    assert [kind for kind in kinds if kind != "thinking"] == [
        "tool_began",
        "delegated",
        "tool_ended",
        "usage",
    ]
    preview = ask(mesh, "helper", "--dry-run", QUESTION)
    assert "You are helper, an agent of the mesh home" in preview.stdout
    assert "call-skill" in preview.stdout


def test_several_agents_of_one_file_and_a_skill_that_a_model_answers(
    mesh: Procs, endpoint: ChatEndpoint
):
    folder = mesh.folder / "pair"
    folder.mkdir()
    (folder / "agent.yaml").write_text(PAIR)
    pair = mesh.start("run", "--reload", "pair", **key(endpoint))
    pair.wait_for("anna +online")
    pair.wait_for("bert +online")
    greeted = mesh.run("call", "bert", "greet", "name=Ada")
    assert (greeted.returncode, greeted.stdout) == (0, "Hello you\n"), greeted.stderr
    sent = endpoint.requests[-1]["messages"]
    assert "Greet politely." in text_of(sent[0]) and '"Ada"' in text_of(sent[-1])

    (folder / "agent.yaml").write_text(PAIR.replace("politely", "briefly"))
    pair.wait_for("agent.yaml changed")
    pair.wait_for(r"changed[\s\S]*bert +online")
    assert mesh.run("call", "bert", "greet", "name=Ada").returncode == 0
    assert "Greet briefly." in text_of(endpoint.requests[-1]["messages"][0])
    assert pair.stop() == 0


def test_files_go_with_a_question_and_the_answer_fits_a_schema(mesh: Procs):
    places = [{"city": 7}, {"city": "Oslo"}]

    def placed(messages: list[Message]) -> Answer:
        last = endpoint.requests[-1]["tools"][-1]["function"]["name"]
        return Answer(calls=[(f"c{len(places)}", last, places.pop(0))])

    (mesh.folder / "note.txt").write_text("Taken at the fjord.")
    (mesh.folder / "photo.png").write_bytes(PIXEL)
    (mesh.folder / "place.json").write_text(json.dumps(PLACE))
    with ChatEndpoint(placed) as endpoint:
        assert mesh.run("init", "helper", "--role", "analyst").returncode == 0
        mesh.start("run", "helper", **key(endpoint)).wait_for("online")
        files = ["--file", "photo.png", "--file", "note.txt", "--schema", "place.json"]
        done = ask(mesh, "helper", "Where was it taken?", *files)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"city": "Oslo"}), done.stderr
    assert len(endpoint.requests) == 2, "what does not fit goes back to the model"
    content = endpoint.requests[0]["messages"][-1]["content"]
    [image] = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    assert base64.b64decode(image.partition("data:image/png;base64,")[2]) == PIXEL
    assert "Taken at the fjord." in text_of(endpoint.requests[0]["messages"][-1])


def test_ctrl_c_closes_the_stream_of_the_provider(mesh: Procs):
    half, closed = threading.Event(), threading.Event()

    def endless(messages: list[Message]) -> Answer:
        return Answer(*["word "] * 8, half=half.set)

    class Watching(ChatEndpoint):
        def _handler(self) -> Any:
            handler = super()._handler()
            inner = handler.do_POST  # type: ignore[attr-defined]

            def do_post(this: Any) -> None:
                try:
                    inner(this)
                finally:  # the write may meet the closed socket before anything else notices
                    closed.set()

            handler.do_POST = do_post  # type: ignore[attr-defined]
            return handler

    with Watching(endless) as endpoint:
        assert mesh.run("init", "helper", "--role", "analyst").returncode == 0
        mesh.start("run", "helper", **key(endpoint)).wait_for("online")
        asked = mesh.start("ask", "helper", "hello")
        assert half.wait(30)
        assert not closed.is_set()
        asked.popen.send_signal(signal.SIGINT)
        assert closed.wait(30), asked.output
        assert asked.wait(30) == 130


PAIR = """\
prompt: You are ${agent}.
slots: ${PAIR_SLOTS:-3}
agents:
  - name: anna
  - name: bert
    skills:
      prompts:
        - name: greet
          prompt: Greet politely.
          parameters:
            name: {type: string, description: whom}
"""
PLACE = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
