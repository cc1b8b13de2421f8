"""What a scripted model is asked."""

from __future__ import annotations

from chatixia.agent.model.words import ScriptCall
from tests.agent.model.runs import Run, Tools, echo, scripted, steps


async def test_a_script_sees_the_conversation_and_the_tools():
    script = steps(["Wait.", ScriptCall("a", {"x": 1})], ["Done."])
    engine = scripted(script)
    run = Run(Tools(a=echo))
    await run.go(engine, "hello")
    first, second = script.turns
    assert first.last == "hello" and first.texts == ("user: hello",)
    assert first.instructions == "You are a test."
    assert [tool.name for tool in first.tools] == ["a"]
    assert second.results == {"a": 'echo {"x": 1}'}
    assert second.texts[1:] == ("model: Wait.", 'tool a: echo {"x": 1}')
    await engine.close()
