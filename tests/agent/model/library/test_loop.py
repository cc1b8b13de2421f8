"""The loop with a scripted model: order, tools, journal, bounds, and what is taken up again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest

from chatixia.agent.model.words import Compaction, Effect, MessageShape, ScriptCall, ScriptTurn
from chatixia.errors import BudgetExceeded, DeadlineExceeded, ModelFailed, TooLarge
from tests.agent.model.runs import Notes, Run, Tools, echo, scripted, steps


async def test_an_answer_comes_in_pieces_and_ends_with_its_usage():
    engine = scripted(steps(["Good ", "morning"]))
    run = Run()
    assert await run.go(engine) == "Good morning"
    assert run.items[:2] == ["Good ", "morning"]
    assert run.items[-1] is run.events("usage")[0]
    assert run.events("usage")[0].requests == 1
    await engine.close()


async def test_tools_run_side_by_side_and_are_told_of():
    both = asyncio.Barrier(2)

    async def wait(arguments: str) -> str:
        async with asyncio.timeout(5):
            await both.wait()
        return arguments

    calls = [ScriptCall("a", {"x": 1}), ScriptCall("b", {"x": 2})]
    engine = scripted(steps(["Let me see.", *calls], ["Done."]))
    run = Run(Tools(a=wait, b=wait))
    assert await run.go(engine) == "Let me see.\n\nDone."
    kinds = [event.kind for event in run.events()]
    assert kinds == ["tool_began", "tool_began", "tool_ended", "tool_ended", "usage"]
    assert {event.text for event in run.events("tool_ended")} == {'{"x": 1}', '{"x": 2}'}
    await engine.close()


async def test_wrong_arguments_go_back_to_the_model_and_come_mended():
    async def strict(arguments: str) -> str:
        return str(json.loads(arguments)["x"])

    script = steps([ScriptCall("a", '{"x": ')], [ScriptCall("a", {"x": 7})], ["It is 7."])
    engine = scripted(script)
    run = Run(Tools(a=strict))
    assert await run.go(engine) == "It is 7."
    assert "bad_arguments" in script.turns[1].results["a"]
    assert [event.ok for event in run.events("tool_ended")] == [False, True]
    await engine.close()


async def test_a_tool_that_is_not_offered_does_not_run():
    script = steps([ScriptCall("rm")], [ScriptCall("rm")], [ScriptCall("rm")], ["I cannot."])
    engine = scripted(script)
    run = Run(Tools(a=echo))
    assert await run.go(engine) == "I cannot."
    assert not run.tools.calls
    assert [event.ok for event in run.events("tool_ended")] == [False] * 3
    await engine.close()


async def test_what_is_finished_is_stored_before_the_next_request():
    stored: list[int] = []
    run = Run(Tools(a=echo))

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        stored.append(len(run.notes.kept))
        if len(stored) == 1:
            yield ScriptCall("a")
            yield ScriptCall("a")
        else:
            yield "end"

    engine = scripted(script)
    await run.go(engine)
    assert stored == [1, 4]  # the prompt; then the response and both results
    assert len(run.notes.kept) == 5
    await engine.close()


async def test_too_many_turns_end_the_run():
    engine = scripted(steps(*[[ScriptCall("a")]] * 3))
    run = Run(Tools(a=echo))
    with pytest.raises(BudgetExceeded, match="3 turns"):
        await run.go(engine, max_turns=3)
    assert run.events("usage")[0].requests == 3
    await engine.close()


@pytest.mark.parametrize(("effect", "outcome"), [("read", "definite"), ("write", "unknown")])
async def test_what_fails_after_a_tool_that_changes_things_is_not_definite(
    effect: Effect, outcome: str
):
    engine = scripted(steps([ScriptCall("a")], [ScriptCall("a")]))
    tools = Tools(a=echo)
    tools.effect = effect
    with pytest.raises(BudgetExceeded) as error:
        await Run(tools).go(engine, max_turns=1)
    assert error.value.outcome == outcome
    await engine.close()


async def test_a_request_above_the_window_is_not_made():
    engine = scripted(steps(["never"]))
    run = Run()
    with pytest.raises(TooLarge, match="context_window"):
        await run.go(engine, "x" * 4000, window=1000)
    assert not run.notes.asked
    await engine.close()


async def test_the_deadline_ends_the_run_and_closes_the_model():
    closed = asyncio.Event()

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        try:
            yield "a part"
            await asyncio.Event().wait()
        finally:
            closed.set()

    engine = scripted(script)
    run = Run()
    with pytest.raises(DeadlineExceeded):
        await run.go(engine, seconds=0.2)
    assert closed.is_set()
    assert run.notes.used[0].estimated and run.notes.used[0].output_tokens == 2
    await engine.close()


async def test_silence_is_a_failure_that_is_tried_again():
    asked = 0

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        nonlocal asked
        asked += 1
        yield "a part"
        if asked == 1:
            await asyncio.Event().wait()
        yield " and the rest"

    engine = scripted(script, silence=0.5)
    run = Run()
    assert await run.go(engine) == "a part and the rest"
    assert run.events("fallback") and run.events("retry")
    assert "sent nothing for 0.5 s" in run.events("retry")[0].text
    assert [usage.estimated for usage in run.notes.used] == [True, False]
    await engine.close()


async def test_a_run_that_is_left_closes_the_model_and_counts():
    closed = asyncio.Event()

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        try:
            yield "a part"
            await asyncio.Event().wait()
        finally:
            closed.set()

    engine = scripted(script)
    run = Run()
    async with aclosing(engine.run(run.request())) as items:
        assert await anext(items) == "a part"
    assert closed.is_set()
    assert run.notes.used[0].estimated
    await engine.close()


async def test_after_a_canceled_run_the_conversation_goes_on():
    begun = asyncio.Event()

    async def forever(arguments: str) -> str:
        begun.set()
        await asyncio.Event().wait()
        return ""

    script = steps([ScriptCall("a")], ["Good."])
    engine = scripted(script)
    run = Run(Tools(a=forever))
    task = asyncio.create_task(run.go(engine))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    again = Run(run.tools, run.notes)
    assert await again.go(engine, "go on", history=list(run.notes.kept)) == "Good."
    assert script.turns[1].texts[1].startswith("tool a: canceled")
    await engine.close()


class Killed(Exception):
    pass


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize("at", range(1, 9))
async def test_a_killed_run_is_taken_up_and_repeats_nothing(at: int, repeatable: bool):
    """Killed after each message that was stored in a run of three requests with four calls."""
    requests = 0

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        nonlocal requests
        requests += 1
        results = sum(text.startswith("tool") for text in turn.texts)
        if results == 0:
            yield "First."
            yield ScriptCall("a", {"n": 1})
            yield ScriptCall("a", {"n": 2})
            yield ScriptCall("a", {"n": 3})
        elif results == 3:
            yield ScriptCall("b", {"n": 4})
        else:
            yield "The end."

    def kill(count: int) -> None:
        if count == at:
            raise Killed

    tools, notes = Tools(a=echo, b=echo), Notes()
    tools.repeatable = {"a", "b"} if repeatable else set()
    engine = scripted(script)
    notes.on_keep = kill
    with pytest.raises(Killed):
        await Run(tools, notes).go(engine)
    kept, before = notes.kept[:at], list(tools.calls)
    stored = b"".join(kept).decode()
    again = Run(tools, Notes())
    text = await again.go(engine, history=kept, resume=True)
    assert text == "First.\n\nThe end."
    assert requests == 3
    for call in tools.calls[len(before) :]:
        assert json.dumps(f"echo {call[1]}") not in stored  # it had no result
        assert call not in before or repeatable
    await engine.close()


async def test_words_that_came_meanwhile_steer_the_run():
    words: list[str] = []

    async def tool(arguments: str) -> str:
        words.append("rather in French")
        return "ok"

    def take() -> list[str]:
        taken, words[:] = list(words), []
        return taken

    script = steps([ScriptCall("a")], ["Bonjour"])
    engine = scripted(script)
    run = Run(Tools(a=tool))
    assert await run.go(engine, steering=take) == "Bonjour"
    assert script.turns[1].texts[-1] == "user: rather in French"
    await engine.close()


async def test_compaction_stands_between_the_history_and_the_model():
    first = Run()
    engine = scripted(steps(["one"]))
    await first.go(engine, "the cat is Tom")
    script = steps([ScriptCall("a")], ["four"])
    engine2 = scripted(script)

    def compact(shapes: Sequence[MessageShape]) -> Compaction:
        assert shapes[0].prompt and shapes[0].text == "the cat is Tom"
        return Compaction(range(2, len(shapes)), "Earlier: the cat is Tom.")

    run = Run(Tools(a=echo))
    text = await run.go(engine2, "and now", history=first.notes.kept, compact=compact)
    assert text == "four"
    for turn in script.turns:
        assert turn.texts[:2] == ("user: Earlier: the cat is Tom.", "user: and now")
    assert "Earlier" not in b"".join(run.notes.kept).decode()
    await engine.close()
    await engine2.close()


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


async def test_a_value_is_checked_and_goes_back_until_it_fits():
    script = steps(
        [ScriptCall("final_result", {"n": "seven"})],
        ["It is seven."],
        [ScriptCall("final_result", {"n": 7})],
    )
    engine = scripted(script)
    run = Run()
    assert json.loads(await run.go(engine, returns=SCHEMA)) == {"n": 7}
    assert "not of type" in " ".join(script.turns[1].texts)
    after = Run()
    engine2 = scripted(steps(["fine"]))
    assert await after.go(engine2, history=run.notes.kept) == "fine"
    await engine.close()
    await engine2.close()


async def test_a_value_that_never_fits_is_an_error():
    engine = scripted(steps(*[[ScriptCall("final_result", {"n": "x"})]] * 9))
    with pytest.raises(ModelFailed):
        await Run().go(engine, returns=SCHEMA)
    await engine.close()


async def test_a_value_that_is_no_object():
    engine = scripted(steps([ScriptCall("final_result", {"answer": [1, 2]})]))
    text = await Run().go(engine, returns={"type": "array", "items": {"type": "integer"}})
    assert json.loads(text) == [1, 2]
    await engine.close()
