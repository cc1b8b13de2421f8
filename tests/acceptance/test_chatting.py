"""`chatixia chat` as a person has it: real processes, a model that streams, and a terminal."""

from __future__ import annotations

import re

import pytest

from chatixia.cli.wrapping import wrap
from tests.acceptance.chat_endpoint import Answer, ChatEndpoint, Message, since_prompt, text_of
from tests.acceptance.harness import TestMesh
from tests.acceptance.stepper import Stepper
from tests.lab.procs import CHATIXIA
from tests.terminal import Terminal
from tests.until import until

WORDS = "These are the words of a model, and there are more of them than fit in one line of it. "


def script(messages: list[Message]) -> Answer:
    """A call of a tool, then an answer that says what the model was told last."""
    results = since_prompt(messages, "tool")
    last = text_of([m for m in messages if m["role"] == "user"][-1])
    if "tool" in last and not results:
        return Answer(calls=[("call-1", "step", {"run": "a", "n": 1})])
    return Answer(*WORDS.split(" "), f"\nTold: {last}")


def spaced(answer: Answer) -> Answer:
    """With the spaces between its words."""
    answer.text = tuple(f"{word} " if word else "" for word in answer.text[:-1]) + answer.text[-1:]
    return answer


def timeless(lines: list[str]) -> list[str]:
    """Without what differs from run to run: times and tokens."""
    tokens = [re.sub(r"[\d,.]*\d tokens", "# tokens", line) for line in lines]
    return [re.sub(r"[\d.]*\d m?s\b", "# s", line) for line in tokens]


@pytest.mark.parametrize("columns", [80, 200])
async def test_a_word_meanwhile_reaches_the_run_and_the_screen_is_what_was_said(
    net: TestMesh, columns: int
):
    net.up()
    with ChatEndpoint(lambda messages: spaced(script(messages))) as endpoint:
        stepper = Stepper(net, endpoint)
        hang = stepper.hang("a", 1)
        stepper.start()
        env = {**net.procs.environment(), "NO_COLOR": ""}
        command = [*CHATIXIA, "chat", "stepper", "--session", "main"]
        with Terminal(command, columns, env=env) as terminal:
            terminal.until(lambda s: bool(s) and s[-1] == ">")
            terminal.type("use the tool\r")
            await until(lambda: stepper.log["a began 1"])
            terminal.until('  tool      step {"run": "a", "n": 1}')  # it may come a moment later
            terminal.type("in French\r")
            terminal.until("The run under way has it.")
            hang.unlink()
            terminal.until(lambda s: any("1 tool," in line for line in s) and s[-1] == ">")
            terminal.type("/model\r")
            terminal.until("tokens so far")
            terminal.type("\x04")
            assert terminal.end() == 0
            shown = timeless(terminal.shown)
    [kept] = net.cli("memory", "list", str(stepper.folder))["conversations"]  # it runs meanwhile
    assert (kept["session"], kept["messages"], kept["open"]) == ("main", 5, False)
    told = net.procs.run("memory", "show", str(stepper.folder)).stdout
    assert re.search(r"> use the tool\n +calls step .*\n +gives step .*\n> in French\n", told)
    assert net.cli("memory", "forget", str(stepper.folder), "--all")["conversations"] == 1
    assert len(endpoint.requests) == 2
    assert text_of(endpoint.requests[1]["messages"][-1]) == "in French"
    assert shown == [
        "  stepper, main; /new, /retry, /model, /export [FILE]; Ctrl-D leaves",
        "> use the tool",
        '  tool      step {"run": "a", "n": 1}',
        "> in French",
        '  tool      step: ok, # s "result 1"',
        *wrap(WORDS.strip(), columns),
        "Told: in French",
        "  stepper, direct, # tokens, 1 tool, # s",
        "> /model",
        "  compatible:scripted, # tokens so far",
        "  go on with: chatixia chat stepper --session main",
    ]
