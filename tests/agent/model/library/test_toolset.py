"""Arguments reach the toolbox as they were written, and who may not see them does not."""

from __future__ import annotations

from collections.abc import Sequence

from chatixia.agent.model.library.toolset import AsWritten
from chatixia.agent.model.words import ScriptCall, ToolCall, ToolOutcome, ToolSpec
from tests.agent.model.runs import ANYTHING, Run, Tools, scripted, steps


def test_any_arguments_pass():
    as_written = AsWritten()
    assert as_written.validate_json('{"x": ') == {"text": '{"x": '}
    assert as_written.validate_json(b"\xff") == {"text": "\ufffd"}
    assert as_written.validate_python({"x": "ü"}) == {"text": '{"x": "ü"}'}


class Hidden(Tools):
    def specs(self) -> Sequence[ToolSpec]:
        return [ToolSpec("a", "", ANYTHING, visible=False)]

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        return ToolOutcome("a secret", agent="bob", delegated=True)


async def test_who_may_not_call_a_tool_sees_neither_arguments_nor_result():
    engine = scripted(steps([ScriptCall("a", {"x": 1})], ["Done."]))
    run = Run(Hidden())
    await run.go(engine)
    began, delegated, ended, _ = run.events()
    assert (began.name, began.text) == ("a", "")
    assert (delegated.kind, delegated.agent) == ("delegated", "bob")
    assert (ended.text, ended.agent, ended.ok) == ("", "bob", True)
    assert ended.ms >= 0
    await engine.close()
