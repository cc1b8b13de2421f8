"""What is offered is what the whole path may cause, and it is judged again when it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chatixia.agent.model.service import ModelSetup
from chatixia.agent.model.toolbox import MAX_RESULT, SIDE_BY_SIDE, AgentToolbox, clipped
from chatixia.agent.model.words import (
    EFFECTS,
    Effect,
    ModelSpec,
    ScriptCall,
    ScriptTurn,
    ToolCall,
    ToolOutcome,
    ToolSpec,
)
from chatixia.agent.skill import Skill
from chatixia.errors import Denied, SkillFailed
from tests.agent.loopback import Net
from tests.agent.model.local_engine import answering
from tests.agent.model.requests import ADA, CALLERS, incoming
from tests.agent.model.thinking import Thinking
from tests.agent.served import client


class Tool:
    """A tool that counts its runs."""

    def __init__(self, name: str, effect: Effect, text: str = "done") -> None:
        self.spec = ToolSpec(name, "", {"type": "object"}, effect)
        self.text, self.ran, self.most, self.now = text, 0, 0, 0
        self.free = asyncio.Event()
        self.free.set()

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        self.ran += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await self.free.wait()
        self.now -= 1
        return ToolOutcome(self.text)


TOOLS = tuple(Tool(f"{effect}_it", effect) for effect in EFFECTS)
PATHS = [
    ((ADA,), "direct", True),
    ((ADA, "helper"), "relay", True),
    ((ADA, "stranger"), "direct", False),
    (("eve~abcdef", "helper"), "direct", False),
    ((ADA,), "queue, plain", False),
    ((ADA,), "registry, plain", False),
    ((), "direct", False),
]


def box(
    path: tuple[str, ...], via: str = "direct", tools: tuple[Tool, ...] = TOOLS
) -> AgentToolbox:
    return AgentToolbox(lambda: tools, incoming(path, via), CALLERS, "a")


@pytest.mark.parametrize(("path", "via", "may_write"), PATHS)
async def test_what_a_path_may_not_cause_is_neither_offered_nor_run(
    path: tuple[str, ...], via: str, may_write: bool
):
    tools = tuple(Tool(f"{effect}_it", effect) for effect in EFFECTS)
    there = box(path, via, tools)
    offered = [spec.effect for spec in there.specs()]
    assert sorted(offered) == sorted(["read", "call"] + ["write"] * may_write)
    for tool in tools:
        outcome = await there.run(ToolCall("c", tool.spec.name, "{}"))
        allowed = tool.spec.effect != "write" or may_write
        assert (outcome.failed, tool.ran) == (not allowed, int(allowed))
        assert allowed or outcome.text.startswith("denied: ")


async def test_the_refusal_names_the_stranger():
    outcome = await box((ADA, "stranger")).run(ToolCall("c", "write_it", "{}"))
    assert outcome.text == (
        "denied: write_it may change things, and stranger is not in `callers` of a."
    )


async def test_there_are_no_other_tools():
    outcome = await box((ADA,)).run(ToolCall("c", "no_such", "{}"))
    assert (outcome.failed, outcome.text) == (True, "unknown_skill: There is no tool no_such.")


async def test_tools_come_and_go_between_two_requests():
    tools: list[Tool] = []
    there = AgentToolbox(lambda: tools, incoming(), CALLERS, "a")
    assert not there.specs()
    tools.append(TOOLS[0])
    assert [spec.name for spec in there.specs()] == ["read_it"]


async def test_the_order_is_the_same_whatever_comes_first():
    names = [
        [s.name for s in box((ADA,), "direct", tools).specs()] for tools in (TOOLS, TOOLS[::-1])
    ]
    assert names[0] == names[1] == ["call_it", "read_it", "write_it"]


async def test_side_by_side_within_a_limit():
    tool = Tool("t", "read")
    tool.free.clear()
    there = box((ADA,), "direct", (tool,))
    calls = [asyncio.ensure_future(there.run(ToolCall(str(n), "t", "{}"))) for n in range(20)]
    for _ in range(100):  # far more turns of the loop than twenty calls need
        await asyncio.sleep(0)
    assert tool.ran == SIDE_BY_SIDE
    assert there.running == 20
    tool.free.set()
    await asyncio.gather(*calls)
    assert (tool.ran, tool.most, there.running) == (20, SIDE_BY_SIDE, 0)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Denied("No."), "denied: No."),
        (SkillFailed("Broke."), "skill_failed: Broke."),
        (KeyError("secret"), "skill_failed: t failed with KeyError."),
    ],
)
async def test_whatever_a_tool_raises_the_run_goes_on(error: Exception, text: str):
    class Raising(Tool):
        async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
            raise error

    outcome = await box((ADA,), "direct", (Raising("t", "read"),)).run(ToolCall("c", "t", "{}"))
    assert (outcome.failed, outcome.text) == (True, text)


@pytest.mark.parametrize("text", ["x" * 40_000, "ä" * 40_000, "x" + "🦀" * 20_000])
async def test_a_long_result_is_clipped_and_says_so(text: str):
    outcome = await box((ADA,), "direct", (Tool("t", "read", text),)).run(ToolCall("c", "t", "{}"))
    body, _, note = outcome.text.rpartition("\n")
    assert text.startswith(body)
    assert MAX_RESULT - 4 < len(body.encode()) <= MAX_RESULT
    assert note == f"[clipped: the first {MAX_RESULT} of {len(text.encode())} bytes]"


@pytest.mark.parametrize(("window", "calls"), [(120_000, 128), (120_000, 30), (8_000, 4)])
async def test_the_results_of_one_response_leave_the_next_request_below_the_window(
    window: int, calls: int
):
    async def page() -> str:
        """A long page."""
        return "x" * 20_000

    async def script(turn: ScriptTurn) -> AsyncIterator[str | ScriptCall]:
        if turn.number:
            yield f"All are read, {turn.results['page'][-30:]}"
            return
        for _ in range(calls):
            yield ScriptCall("page")

    net = Net()
    model = ModelSpec("scripted", script=script)
    own = Skill("page", page, effect="read")
    setup = ModelSetup(callers=CALLERS, window=window)
    agent = Thinking(net, "a", answering([""]), own, setup=setup, library=model)
    assert "bytes]" in await client(net, ADA).agent("a").ask("Read all pages.")
    await agent.stop()


def test_what_fits_is_whole():
    whole = ToolOutcome("x" * MAX_RESULT, failed=True)
    assert clipped(whole) is whole
