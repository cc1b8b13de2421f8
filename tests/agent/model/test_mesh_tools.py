"""The mesh as four tools: looked up when asked for, on the asker's path, judged by the receiver."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatixia.agent.context import Ctx
from chatixia.agent.model.mesh_tools import SPECS, mesh_tools
from chatixia.agent.model.words import ToolCall, ToolOutcome
from chatixia.core.tool_names import CALL, DELEGATE, DESCRIBE, FIND, MESH_TOOLS
from chatixia.errors import Denied
from chatixia.wire.events import AgentEvent
from tests.agent.loopback import Net
from tests.agent.model.requests import ADA, ctx_of, incoming
from tests.agent.served import Served


async def forecast(city: str, ctx: Ctx) -> dict[str, Any]:
    """Forecast for a city."""
    return {"city": city, "path": list(ctx.path)}


async def refuse() -> None:
    """Refuse."""
    raise Denied("Not you.")


async def reply(text: str, ctx: Ctx) -> str:
    return f"{text}! from {'/'.join(ctx.path)}"


class Room:
    """An agent `a` with its mesh tools, and `weather` beside it."""

    def __init__(self) -> None:
        self.net = Net()
        self.weather = Served(self.net, "weather", forecast, refuse, prompt=reply)
        self.agent = Served(self.net, "a", refuse)
        self.events: list[AgentEvent] = []

    async def emit(self, event: AgentEvent) -> None:
        self.events.append(event)

    async def run(self, name: str, again: bool = False, raw: str = "", **args: Any) -> ToolOutcome:
        tools = mesh_tools(ctx_of(self.agent, incoming()), self.emit)
        (tool,) = (tool for tool in tools if tool.spec.name == name)
        return await tool.run(ToolCall("c1", name, raw or json.dumps(args)), again=again)

    async def value(self, name: str, **args: Any) -> Any:
        outcome = await self.run(name, **args)
        assert not (outcome.failed or outcome.retry), outcome.text
        return json.loads(outcome.text)


@pytest.fixture
async def room():
    room = Room()
    yield room
    room.weather.close()
    room.agent.close()


async def test_a_skill_is_found_described_and_called(room: Room):
    found = await room.value(FIND, query="weather FORECAST")
    assert found[0] == {
        "agent": "weather",
        "skill": "forecast",
        "description": "Forecast for a city.",
    }
    shown = await room.value(DESCRIBE, agent="weather", skill="forecast")
    assert shown["parameters"]["properties"] == {"city": {"type": "string"}}
    path = [ADA, "a"]
    for agent in ("weather", ""):
        got = await room.value(CALL, skill="forecast", arguments={"city": "Oslo"}, agent=agent)
        assert got == {"from": "weather", "via": "direct", "value": {"city": "Oslo", "path": path}}


async def test_work_is_delegated_in_plain_words(room: Room):
    got = await room.value(DELEGATE, agent="weather", message="Rain?")
    assert got == {"from": "weather", "via": "direct", "value": f"Rain?! from {ADA}/a"}


async def test_the_asker_sees_where_work_went(room: Room):
    await room.run(FIND)
    await room.run(CALL, skill="forecast", arguments={"city": "x" * 5000}, agent="weather")
    await room.run(DELEGATE, agent="weather", message="Rain?")
    await room.run(CALL, skill="forecast", arguments={"city": "x"})
    call, delegated, chosen = room.events
    assert chosen.agent == "weather"
    assert (call.kind, call.id, call.name, call.agent) == ("delegated", "c1", "forecast", "weather")
    assert len(call.text) <= 1024
    assert (delegated.name, delegated.agent, delegated.text) == ("", "weather", "Rain?")


@pytest.mark.parametrize(
    ("name", "args", "code"),
    [
        (CALL, {"skill": "refuse", "agent": "weather"}, "denied: Not you."),
        (CALL, {"skill": "forecast", "agent": "weather"}, "bad_arguments: forecast: the argument"),
        (CALL, {"skill": "nope", "agent": "weather"}, "unknown_skill: "),
        (CALL, {"skill": "nope"}, "unknown_skill: "),
        (CALL, {"skill": "refuse", "agent": "nobody"}, "unreachable: "),
        (CALL, {"skill": "not a name", "agent": "weather"}, "unknown_skill: "),
        (CALL, {"skill": "x", "agent": "No/Name"}, "unknown_agent: "),
        (DESCRIBE, {"skill": "nope", "agent": "weather"}, "unknown_skill: weather has no skill"),
        (DELEGATE, {"agent": "nobody", "message": "x"}, "unreachable: "),
    ],
)
async def test_a_remote_error_is_code_and_sentence(
    room: Room, name: str, args: dict[str, Any], code: str
):
    outcome = await room.run(name, **args)
    assert outcome.failed
    assert not outcome.retry
    assert outcome.text.startswith(code)


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        (CALL, "{", "call-skill"),
        (CALL, "[]", "must be an object"),
        (CALL, '{"agent": "weather"}', "skill is missing"),
        (CALL, '{"skill": "x", "arguments": "city=Oslo"}', "arguments: expected object"),
        (CALL, '{"skill": "x", "agnt": "y"}', "did you mean agent?"),
        (FIND, '{"query": 3}', "query: expected str"),
        (DELEGATE, '{"agent": "weather"}', "message is missing"),
        (DELEGATE, '{"agent": "a", "message": "x"}', "this agent itself"),
        (CALL, '{"agent": "a", "skill": "refuse"}', "this agent itself"),
        (DESCRIBE, '{"agent": "a", "skill": "refuse"}', "this agent itself"),
        (CALL, '{"skill": "\ud800"}', "call-skill"),
    ],
)
async def test_wrong_arguments_go_back_to_the_model(room: Room, name: str, raw: str, words: str):
    outcome = await room.run(name, raw=raw)
    assert outcome.retry
    assert words in outcome.text
    assert not room.events


async def test_what_may_have_been_done_is_not_done_again(room: Room):
    for name in (CALL, DELEGATE):
        outcome = await room.run(name, again=True, skill="forecast")
        assert outcome.text.startswith("outcome_unknown: ")
    assert not (await room.run(FIND, again=True)).failed
    assert not room.events


def test_effects_and_names():
    assert tuple(spec.name for spec in SPECS) == MESH_TOOLS
    effects = {spec.name: spec.effect for spec in SPECS}
    assert effects == {FIND: "read", DESCRIBE: "read", CALL: "call", DELEGATE: "write"}
