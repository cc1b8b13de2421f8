"""Tools of outside servers for a model and as skills: the owner's word counts, not the server's."""

from __future__ import annotations

from typing import Any

import pytest

from chatixia.agent.manifest_mcp import McpServer
from chatixia.agent.model.outside_tools import model_tools, outside_skills
from chatixia.agent.model.words import ToolCall
from chatixia.core.ports import OutsideAnswer, OutsideTool
from chatixia.errors import BadArguments, DeadlineExceeded, SkillFailed
from tests.agent.loopback import Net
from tests.agent.model.requests import ADA, ctx_of, incoming
from tests.agent.served import Served, client

SCHEMA = {"type": "object", "properties": {"odd-name": {"type": "integer"}}}


class Outside:
    """Two servers; their calls are written down."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any], float]] = []
        self.error: Exception | None = None
        self.failed = False

    def tools(self) -> list[OutsideTool]:
        names = [("files", "read_file"), ("files", "wipe"), ("web", "get"), ("web", "read_file")]
        return [OutsideTool(server, name, "About.", SCHEMA) for server, name in names]

    async def call(
        self, server: str, tool: str, arguments: dict[str, Any], timeout: float
    ) -> OutsideAnswer:
        self.calls.append((server, tool, arguments, timeout))
        if self.error is not None:
            raise self.error
        return OutsideAnswer("text", {"n": 1}, self.failed)


def servers(**more: Any) -> dict[str, McpServer]:
    return {"files": McpServer("x", read=["read_*"], **more), "web": McpServer("x", tools=["get"])}


def tools(outside: Outside, **more: Any) -> dict[str, Any]:
    net = Net()
    ctx = ctx_of(Served(net, "a"), incoming((ADA,), "direct"))
    return {tool.spec.name: tool for tool in model_tools(servers(**more), outside, ctx)}


async def test_names_effects_and_what_is_taken():
    found = tools(Outside())
    effects = {name: tool.spec.effect for name, tool in found.items()}
    assert effects == {
        "files-_read_file": "read",
        "files-_wipe": "write",
        "web-_get": "write",
    }
    assert set(tools(Outside(), skills=["wipe"])) == {"files-_read_file", "web-_get"}


async def test_a_call_and_its_ways_to_end():
    outside = Outside()
    tool = tools(outside)["files-_wipe"]
    done = await tool.run(ToolCall("1", "files-_wipe", '{"odd-name": 3}'))
    assert (done.text, done.failed) == ("text", False)
    assert outside.calls[0][:3] == ("files", "wipe", {"odd-name": 3})
    assert (await tool.run(ToolCall("1", "x", "[]"))).retry
    assert (await tool.run(ToolCall("1", "x", "{"))).retry
    outside.failed = True
    assert (await tool.run(ToolCall("1", "x", "{}"))).failed
    outside.error = DeadlineExceeded("Too late.")
    assert (await tool.run(ToolCall("1", "x", "{}"))).text == "deadline_exceeded: Too late."
    outside.error = BadArguments("odd-name.")
    assert (await tool.run(ToolCall("1", "x", "{}"))).retry


async def test_what_may_have_run_is_not_run_again():
    outside = Outside()
    found = tools(outside)
    again = await found["files-_wipe"].run(ToolCall("1", "x", "{}"), again=True)
    assert again.text.startswith("outcome_unknown: ")
    assert not outside.calls
    assert not (await found["files-_read_file"].run(ToolCall("1", "x", "{}"), again=True)).failed


async def test_those_that_the_owner_names_are_skills():
    outside = Outside()
    skills = outside_skills(servers(skills=["read_file"]), outside)
    assert list(skills) == ["read_file"]
    assert skills["read_file"].effect == "read"
    net = Net()
    Served(net, "a", *skills.values())
    handle = client(net).agent("a")
    assert (await handle.call("read_file", {"odd-name": 7})).value == {"n": 1}
    server, tool, arguments, timeout = outside.calls[0]
    assert (server, tool, arguments) == ("files", "read_file", {"odd-name": 7})
    assert 0 < timeout <= 30
    outside.failed = True
    with pytest.raises(SkillFailed, match="text"):
        await handle.call("read_file", {})


async def test_a_name_that_can_be_no_skill_is_left_out(caplog: pytest.LogCaptureFixture):
    outside = Outside()
    outside.tools = lambda: [  # type: ignore[method-assign]
        OutsideTool("files", name, "", SCHEMA) for name in ("a/b", "1x", "fine", "fine")
    ]
    assert list(outside_skills(servers(skills=["*"]), outside)) == ["fine"]
    assert "can be no skill" in caplog.text
