"""What a run begins with, keeps and leaves behind, over kills and 400 turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatixia.agent.model import conversations as module
from chatixia.agent.model.conversations import ConversationRun, Conversations, key_of, owner_of
from chatixia.agent.model.stored import prompt_message, shape_of, tokens_of
from chatixia.errors import BadArguments
from chatixia.store.local import conversations as table
from chatixia.store.local.agent_store import AgentStore

MAIN = key_of("bob", "main", "r1")


def response(text: str = "", **calls: str) -> bytes:
    parts: list[dict[str, Any]] = [{"part_kind": "text", "content": text}] if text else []
    parts += [
        {"part_kind": "tool-call", "tool_name": name, "tool_call_id": id_, "args": "{}"}
        for id_, name in calls.items()
    ]
    return msgspec.json.encode({"kind": "response", "parts": parts})


def result(call: str, text: str = "done") -> bytes:
    part = {
        "part_kind": "tool-return",
        "tool_name": "t",
        "tool_call_id": call,
        "content": text,
    }
    return msgspec.json.encode({"kind": "request", "parts": [part]})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AgentStore]:
    store = AgentStore(tmp_path / "local.db")
    yield store
    await store.close()


async def whole_run(made: Conversations, run: str, *messages: bytes) -> ConversationRun:
    """A run that has its answer."""
    begun = await made.begin(MAIN, run)
    await begun.keep(messages)
    await begun.end()
    return begun


def test_a_machine_and_an_agent_of_its_name_are_two():
    assert owner_of("laptop~abcdef") == owner_of("laptop~zzzzzz") == "laptop~"
    assert owner_of("laptop") == "laptop"


def test_without_a_session_a_request_stands_alone():
    assert key_of("bob", "", "r1") != key_of("bob", "", "r2")
    assert key_of("bob", "s", "r1") == key_of("bob", "s", "r2") != key_of("bob", "", "s")
    with pytest.raises(BadArguments):
        key_of("bob", "s" * (module.MAX_SESSION + 1), "r")


async def test_a_run_sees_those_before_it(store: AgentStore):
    made = Conversations(store, 10_000)
    await whole_run(made, "r1", prompt_message("I am Ann."), response("Hello."))
    second = await made.begin(MAIN, "r2")
    assert second.history == [prompt_message("I am Ann."), response("Hello.")]
    assert (second.resume, second.answer) == (False, None)
    other = await made.begin(key_of("eve", "main", "r3"), "r3")
    assert other.history == []


async def test_a_run_that_was_killed_goes_on_without_its_prompt(store: AgentStore):
    first = await Conversations(store, 10_000).begin(MAIN, "r1")
    kept = [prompt_message("Go."), response("", c1="t", c2="t"), result("c1")]
    for message in kept:
        await first.keep([message])
    again = await Conversations(store, 10_000).begin(MAIN, "r1")
    assert again.history == kept
    assert (again.resume, again.answer) == (True, None)


async def test_one_that_was_killed_before_its_first_word_is_new(store: AgentStore):
    await Conversations(store, 10_000).begin(MAIN, "r1")
    again = await Conversations(store, 10_000).begin(MAIN, "r1")
    assert (again.history, again.resume, again.answer) == ([], False, None)


@pytest.mark.parametrize("ended", [True, False])
async def test_one_that_had_its_answer_asks_no_model(store: AgentStore, ended: bool):
    made = Conversations(store, 10_000)
    run = await made.begin(MAIN, "r1")
    await run.keep([prompt_message("Go."), response("It is 4.")])
    if ended:
        await run.end()
        await whole_run(made, "r2", prompt_message("And?"), response("No more."))
    made = Conversations(store, 10_000)
    again = await made.begin(MAIN, "r1")
    assert (again.resume, again.answer) == (False, "It is 4.")
    assert not made.steer(MAIN, "faster")


async def test_an_answer_of_a_given_form_is_its_json_once_it_was_taken(store: AgentStore):
    messages = [prompt_message("Go."), response("", c1="final_result")]
    run = await Conversations(store, 10_000).begin(MAIN, "r1")
    await run.keep(messages)
    again = await Conversations(store, 10_000).begin(MAIN, "r1")
    assert (again.resume, again.answer) == (True, None)
    await again.keep([result("c1", "Final result processed.")])
    await again.end()
    assert (await Conversations(store, 10_000).begin(MAIN, "r1")).answer == "{}"


async def test_what_nobody_knows_the_outcome_of_is_said_to_the_next_run(store: AgentStore):
    killed = await Conversations(store, 10_000).begin(MAIN, "r1")
    await killed.keep([prompt_message("Go."), response("", c1="t", c2="pay"), result("c1")])
    made = Conversations(store, 10_000)
    second = await made.begin(MAIN, "r2")
    assert second.resume is False
    [told] = msgspec.json.decode(second.history[-1])["parts"]
    assert (told["tool_call_id"], told["tool_name"]) == ("c2", "pay")
    assert told["content"].startswith("outcome_unknown")
    killed_again = await Conversations(store, 10_000).begin(MAIN, "r2")
    assert killed_again.history == second.history
    assert killed_again.resume is False
    # The task of the first comes again: it is asked anew, behind all that is known.
    late = await made.begin(MAIN, "r1")
    assert (late.resume, late.answer) == (False, None)
    assert late.history == second.history


async def test_forgotten_in_mid_run_it_keeps_nothing_and_goes_on(store: AgentStore):
    made = Conversations(store, 10_000)
    run = await made.begin(MAIN, "r1")
    await run.keep([prompt_message("Secret.")])
    assert await store.forget("bob", "main") == 1
    await run.keep([response("Secret too.")])
    await run.end()
    assert await store.conversations() == []


async def test_a_word_meanwhile_goes_to_the_run_that_is_under_way(store: AgentStore):
    made = Conversations(store, 10_000)
    assert not made.steer(MAIN, "early")
    run = await made.begin(MAIN, "r1")
    assert made.steer(MAIN, "shorter")
    assert not made.steer(key_of("eve", "main", ""), "longer")
    assert run.steering() == ["shorter"]
    assert run.steering() == []
    assert all(made.steer(MAIN, "x") for _ in range(module.MAX_STEERING))
    assert not made.steer(MAIN, "one more")
    run.leave()
    assert not made.steer(MAIN, "late")


def request_tokens(run: ConversationRun, prompt: bytes) -> tuple[int, str]:
    """What a request would hold: its tokens, and all its words."""
    shapes = [shape_of(body) for body in (*run.history, prompt)]
    compaction = run.compact(shapes)
    words = compaction.digest + "".join(shapes[n].text for n in compaction.keep)
    return tokens_of(compaction.digest) + sum(shapes[n].tokens for n in compaction.keep), words


async def test_400_turns_stay_below_the_window_and_know_turn_3(tmp_path: Path):
    window, fact, store = 4000, "The locker's code is 4711.", AgentStore(tmp_path / "local.db")
    for n in range(1, 401):
        if n % 50 == 0:  # a restart
            await store.close()
            store = AgentStore(tmp_path / "local.db")
        run = await Conversations(store, window).begin(MAIN, f"r{n}", overhead=500)
        text = fact if n == 3 else f"In year {n} I went to Place{n}. " + "And more. " * (n % 9)
        tokens, words = request_tokens(run, prompt_message(text))
        assert tokens < window - 500
        assert n < 3 or fact in words
        assert len(run.history) < 200
        await run.keep([prompt_message(text), response("", c="t"), result("c", "x" * 90)])
        await run.keep([response(f"Noted {n}.")])
        await run.end()
    [row] = await store.conversations()
    assert row.messages == 1600  # all of it can still be read
    await store.close()


async def test_a_cut_stays_until_it_is_full_again(store: AgentStore):
    made = Conversations(store, 3000)
    run = await made.begin(MAIN, "r1")
    bodies, begins = [prompt_message("Do all.")], set[int]()
    for n in range(60):
        bodies += [response("", **{f"c{n}": "t"}), result(f"c{n}", "x" * 240)]
        compaction = run.compact([shape_of(body) for body in bodies])
        keep = list(compaction.keep)
        assert keep[0] == 0
        assert keep[-1] == len(bodies) - 1
        if keep != list(range(len(bodies))):
            begins.add(keep[1])
            missing = (len(bodies) - len(keep)) // 2
            assert f"[{missing} of the tool calls" in compaction.digest
    assert 2 <= len(begins) <= 8


async def test_a_full_conversation_loses_its_oldest_turns_and_goes_on(
    store: AgentStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(table, "MAX_CONVERSATION_BYTES", 3000)
    made = Conversations(store, 2000)
    for n in range(40):
        await whole_run(made, f"r{n}", prompt_message(f"I am {n}."), response("Yes. " * 20))
    run = await made.begin(MAIN, "last")
    assert "I am 0." in run.compact([shape_of(body) for body in run.history]).digest
