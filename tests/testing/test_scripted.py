"""A scripted model answers as written, and a flow of three agents needs no network."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from chatixia import Agent, Ctx
from chatixia.testing import ScriptCall, ScriptTurn, mesh_of, scripted

library = Agent("library")


@library.skill
async def year(title: str, ctx: Ctx) -> str:
    """The year in which a book came out."""
    return f"1815, for {'/'.join(ctx.path)}"


async def test_three_agents_with_tools():
    look = ScriptCall("call-skill", {"skill": "year", "arguments": {"title": "Emma"}})
    hand_on = ScriptCall("delegate-task", {"agent": "analyst", "message": "When was Emma?"})
    analyst = Agent(
        "analyst",
        model=scripted([look], lambda turn: [turn.results["call-skill"]]),
    )
    editor = Agent(
        "editor",
        callers=["test"],
        model=scripted([hand_on], lambda turn: ["So: ", turn.results["delegate-task"]]),
    )
    async with mesh_of(library, analyst, editor) as mesh:
        answer = await mesh.agent("editor").ask("When did Emma come out?")
    assert answer.startswith("So: ")
    assert "1815, for test~client/editor/analyst" in answer


async def test_its_steps_come_one_after_the_other_for_each_question():
    numbers: list[int] = []

    def last(turn: ScriptTurn) -> Iterable[str]:
        numbers.append(turn.number)
        yield f"{turn.last} {sorted(tool.name for tool in turn.tools)} {turn.instructions[-6:]}"

    model = scripted([ScriptCall("find-skill")], [ScriptCall("find-skill", "no JSON")], last)
    agent = Agent("a", model=model, prompt="Short.")
    async with mesh_of(agent) as mesh:
        for text in ("one", "two"):
            answer = await mesh.agent("a").ask(text, session_id="s")
            assert answer == f"{text} ['call-skill', 'describe-skill', 'find-skill'] Short."
    assert numbers == [2, 2]


def test_a_model_says_something():
    with pytest.raises(TypeError):
        scripted()
