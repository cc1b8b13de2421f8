"""A message counts as finished once it is stored, and is stored once."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from chatixia.agent.model.library.messages import dump, load
from chatixia.agent.model.library.record import RunRecord
from chatixia.agent.model.words import ToolCall
from tests.agent.model.runs import Run, Tools, echo

CALLS = ModelResponse([ToolCallPart("a", "{}", "c1"), ToolCallPart("a", "{}", "c2")])


class Here:
    """A crossing that leads nowhere."""

    async def at_home(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return await work()


def record(run: Run, *history: Any) -> RunRecord:
    return RunRecord(run.request(history=[dump(m) for m in history]), Here())  # type: ignore[arg-type]


async def test_what_is_kept_is_stored_and_finished():
    run = Run(Tools(a=echo))
    kept = record(run, ModelRequest([UserPromptPart("hi")]))
    await kept.keep(CALLS)
    await kept.run_tool(ToolCall("c1", "a", "{}"), again=False)
    assert len(kept.finished) == len(kept.stored) == 3
    assert run.notes.kept == kept.stored[1:]
    assert len(load(run.notes.kept)) == 2


async def test_of_what_the_library_sends_only_the_rest_is_stored():
    run = Run(Tools(a=echo))
    kept = record(run, CALLS)
    await kept.run_tool(ToolCall("c1", "a", "{}"), again=False)
    parts = [ToolReturnPart("a", "x", "c1"), ToolReturnPart("zzz", "unknown", "c2")]
    await kept.keep_rest(ModelRequest(parts))
    await kept.keep_rest(ModelRequest(parts))
    await kept.keep_rest(ModelResponse([TextPart("x")]))
    assert [part.tool_call_id for m in kept.finished[1:] for part in m.parts] == ["c1", "c2"]


async def test_open_calls_are_answered():
    run = Run()
    kept = record(run, CALLS)
    await kept.close_calls()
    assert len(run.notes.kept) == 2 and b"canceled" in run.notes.kept[0]
    assert kept.responses() == [CALLS] or len(kept.responses()) == 1


async def test_a_call_has_an_id_of_its_own_in_the_whole_conversation():
    kept = record(Run(), CALLS)
    again = ModelResponse([ToolCallPart("a", "{}", "c1"), ToolCallPart("a", "{}", "c1")])
    kept.distinguish(again)
    assert [call.tool_call_id for call in again.tool_calls] == ["c1_2", "c1_3"]
    long = ModelResponse([ToolCallPart("a", "{}", "x" * 40), ToolCallPart("a", "{}", "x" * 40)])
    kept.distinguish(long)
    assert [len(call.tool_call_id) for call in long.tool_calls] == [40, 34]
