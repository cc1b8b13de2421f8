"""Kill -9 in the middle of a model run: it is taken up again, and nothing finished is repeated."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatixia.agent.model.service import ModelSetup
from chatixia.agent.model.stored import tokens_of
from chatixia.agent.model.words import ModelSpec
from chatixia.errors import MeshError
from chatixia.store.local.agent_store import AgentStore
from tests.acceptance.chat_endpoint import Answer, ChatEndpoint, Message, since_prompt, text_of
from tests.acceptance.harness import TestMesh
from tests.acceptance.stepper import Stepper
from tests.agent.loopback import Net
from tests.agent.model.thinking import Thinking
from tests.agent.served import client
from tests.until import until

STEPS = 10


def tool_of(n: int) -> str:
    return "step" if n % 2 else "pay"


def ten_steps(at: Callable[[str, int], Answer | None] = lambda run, n: None) -> Any:
    """A script of ten calls and an answer, for each run by its name. ``at(run, n)``: another answer
    to its request n, from 0."""

    def script(messages: list[Message]) -> Answer:
        run, n = run_of(messages), len(since_prompt(messages, "tool"))
        if (other := at(run, n)) is not None:
            return other
        if n == STEPS:
            return Answer(f"All steps of {run} ", "are done.")
        call = (f"call-{n + 1}", tool_of(n + 1), {"run": run, "n": n + 1})
        return Answer(calls=[call])

    return script


def run_of(messages: list[Message]) -> str:
    """The name in the last prompt."""
    [name] = re.findall(r"run-\w+", text_of([m for m in messages if m["role"] == "user"][-1]))
    return str(name)


def steps_of(run: str, bodies: list[dict[str, Any]]) -> list[int]:
    """By how many results each request of a run was preceded."""
    own = [body["messages"] for body in bodies if run_of(body["messages"]) == run]
    return sorted(len(since_prompt(messages, "tool")) for messages in own)


async def submitted(mesh: Any, runs: list[str]) -> dict[str, Any]:
    return {run: await mesh.submit("stepper", "", {"message": f"Do {run}."}) for run in runs}


async def all_done(tasks: dict[str, Any]) -> None:
    async with asyncio.timeout(90):
        for run, task in tasks.items():
            assert await task == f"All steps of {run} are done."


async def test_killed_at_each_of_ten_tools_it_repeats_no_call_of_the_model(net: TestMesh):
    """Ten runs, each in another of its ten tools when the process is killed."""
    net.up()
    with ChatEndpoint(ten_steps()) as endpoint:
        stepper = Stepper(net, endpoint)
        runs = {f"run-{n}": n for n in range(1, STEPS + 1)}
        hangs = [stepper.hang(run, n) for run, n in runs.items()]
        stepper.start()
        async with net.client() as mesh:
            tasks = await submitted(mesh, list(runs))
            await until(lambda: all(stepper.log[f"{r} began {n}"] for r, n in runs.items()))
            stepper.kill()
            for hang in hangs:
                hang.unlink()
            stepper.start()
            await all_done(tasks)
        last = {run_of(body["messages"]): body["messages"] for body in endpoint.requests}
        for run, n in runs.items():
            assert steps_of(run, endpoint.requests) == list(range(STEPS + 1)), run
            again = n % 2
            result = text_of(since_prompt(last[run], "tool")[n - 1])
            assert stepper.log[f"{run} began {n}"] == 1 + again, run
            assert (f"result {n}" if again else "outcome_unknown") in result
            others = [stepper.log[f"{run} done {m}"] for m in range(1, STEPS + 1) if m != n]
            assert others == [1] * (STEPS - 1), run


async def test_killed_in_each_answer_of_the_model_it_repeats_no_tool(net: TestMesh):
    """Eleven runs, each in another answer of the model when the process is killed."""
    net.up()
    runs, reached = {f"run-{n}": n for n in range(STEPS + 1)}, set[str]()

    def at(run: str, n: int) -> Answer | None:
        if n != runs[run] or run in reached:
            return None
        words = ("Some words ", "of the step ", "that nobody hears.")
        return Answer(*words, half=lambda: reached.add(run))

    with ChatEndpoint(ten_steps(at)) as endpoint:
        stepper = Stepper(net, endpoint)
        stepper.start()
        async with net.client() as mesh:
            tasks = await submitted(mesh, list(runs))
            await until(lambda: reached == set(runs))
            stepper.kill()
            stepper.start()
            await all_done(tasks)
        for run in runs:  # the answer that broke off is asked for again, and none that was whole
            assert steps_of(run, endpoint.finished) == list(range(STEPS + 1)), run
            assert len(steps_of(run, endpoint.requests)) == STEPS + 2, run
        assert "nobody hears" not in str(endpoint.requests)
    done = [f"{run} {what} {n}" for run in runs for n in range(1, 11) for what in ("began", "done")]
    assert stepper.log == Counter(done)


async def test_a_conversation_goes_on_after_a_kill_and_knows_what_was_done(net: TestMesh):
    net.up()
    with ChatEndpoint(ten_steps()) as endpoint:
        stepper = Stepper(net, endpoint)
        hang = stepper.hang("run-a", 4)
        stepper.start()
        async with net.client() as mesh:
            agent = mesh.agent("stepper", timeout=60, queue="never")
            ask = agent.ask("Do run-a.", session_id="main")
            asking = asyncio.ensure_future(ask.reply())
            await until(lambda: stepper.log["run-a began 4"])
            stepper.kill()
            with pytest.raises(MeshError):
                await asking
            hang.unlink()
            stepper.start()
            again = agent.ask("Go on with run-b.", session_id="main")
            assert await again == "All steps of run-b are done."
        messages = endpoint.requests[-1]["messages"]
    words = [text_of(m) for m in messages if m["role"] in ("user", "tool")]
    assert ["run-a" in words[0], *words[1:4]] == [True, *(f'"result {n}"' for n in (1, 2, 3))]
    assert "outcome_unknown" in words[4]
    assert "run-b" in words[5]
    assert stepper.log["run-a began 4"] == 1


@pytest.mark.timeout(400)
async def test_what_was_told_in_turn_3_is_in_the_request_of_turn_400(tmp_path: Path):
    """In this process, but over HTTP to the endpoint, which keeps what it was sent."""
    window, fact, net = 3000, "The locker's code is 4711.", Net()
    with ChatEndpoint(lambda messages: Answer("Noted", ".")) as endpoint:
        agent = Thinking(
            net,
            "stepper",
            lambda reading: (),
            setup=ModelSetup(window=window),
            store=AgentStore(tmp_path / "local.db"),
            library=ModelSpec("compatible", "scripted", endpoint.url),
        )
        asker = client(net).agent("stepper", timeout=60)
        for n in range(1, 401):
            text = fact if n == 3 else f"In year {n} I went to Place{n}, which is far away."
            assert await asker.ask(text, session_id="long") == "Noted."
        await agent.stop()
        assert len(endpoint.requests) == 400
        for n, body in enumerate(endpoint.requests, 1):
            assert tokens_of(str(body)) < window, n
            assert (fact in str(body)) == (n >= 3), n
        assert "Place399" in str(endpoint.requests[-1])
