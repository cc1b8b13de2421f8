"""Servers that misbehave: one clear error each, no growth, and the others unharmed."""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatixia.errors import (
    BadArguments,
    DeadlineExceeded,
    MeshError,
    Overloaded,
    Unavailable,
    UnknownSkill,
)
from chatixia.gateway.mcp import attached
from chatixia.gateway.mcp.attached import AttachedServer, RestartPauses, ServerSpec
from chatixia.testing.clock import FakeWorld
from chatixia.wire.base import MIB
from tests.until import until

STRANGER = str(Path(__file__).with_name("stranger.py"))


def spec(mode: str = "good", **more: Any) -> ServerSpec:
    return ServerSpec(mode, (sys.executable, STRANGER, mode), **{"timeout": 10.0, **more})


@asynccontextmanager
async def server(one: ServerSpec) -> AsyncIterator[AttachedServer]:
    """It, after its first try."""
    changes: list[int] = []
    made = AttachedServer(one, lambda: changes.append(1))
    living = asyncio.ensure_future(made.live())
    try:
        await asyncio.wait_for(made.first.wait(), 30)
        yield made
    finally:
        living.cancel()
        await asyncio.wait([living])


async def test_a_good_one_is_listed_and_called():
    async with server(spec()) as one:
        assert list(one.tools) == ["add", "environ", "fail"]
        answer = await one.call("add", {"a": 1, "b": 2}, 5)
        assert (answer.text, answer.failed) == ("3", False)
        assert (await one.call("fail", {}, 5)).failed
        with pytest.raises(BadArguments, match="add: a"):
            await one.call("add", {"a": "x"}, 5)
        with pytest.raises(UnknownSkill):
            await one.call("none", {}, 5)


async def test_only_named_variables_reach_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SWORDFISH", "1")
    async with server(spec(env={"TOKEN": "t"})) as one:
        names = (await one.call("environ", {}, 5)).text
        assert '"TOKEN"' in names
        assert "SWORDFISH" not in names


async def test_one_that_never_answers_ends_at_our_time_out():
    async with server(spec("silent", timeout=0.2)) as one:
        with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s"):
            await one.call("add", {}, 5)
        with pytest.raises(DeadlineExceeded, match=r"within 0\.1 s"):
            await one.call("add", {}, 0.1)


async def test_one_that_floods_is_ended_and_memory_does_not_grow():
    async with server(spec("flood")) as one:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(Unavailable, match="bytes") as raised:
            await one.call("add", {}, 10)
        assert raised.value.outcome == "unknown"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 * 1024


async def test_one_that_dies_is_started_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attached, "FIRST_PAUSE_S", 0.01)
    async with server(spec("dies")) as one:
        for _ in range(3):
            with pytest.raises(Unavailable, match="was lost while add ran"):
                await one.call("add", {}, 10)


def test_each_start_waits_longer_until_one_stood():
    pauses = RestartPauses(FakeWorld())
    for expected in (0.5, 1, 2, 4, 8, 16, 32, 60, 60):
        assert 0.5 * expected <= pauses.after(1.0) < 1.5 * expected
    assert pauses.after(attached.STEADY_S + 1) < 0.75
    assert pauses.after(1.0) < 1.5


async def test_while_it_is_down_a_call_says_so_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attached, "WAIT_S", 0.05)
    monkeypatch.setattr(attached, "FIRST_PAUSE_S", 600)
    async with server(spec("dies")) as one:
        with pytest.raises(Unavailable):
            await one.call("add", {}, 10)
        with pytest.raises(Unavailable, match=r"is down\. It ended"):
            await one.call("add", {}, 10)


async def test_one_that_changes_its_tools_in_mid_run_is_listed_anew():
    async with server(spec("changes")) as one:
        before = one.tools["environ"]
        assert (await one.call("add", {}, 5)).text == "0"
        await until(lambda: "environ" not in one.tools)
        with pytest.raises(UnknownSkill):
            await one.call(before.name, {}, 5)


@pytest.mark.parametrize(("mode", "said"), [("mute", "not ready within"), ("noise", "bytes")])
async def test_one_that_never_is_ready_is_a_sentence(
    mode: str, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(attached, "CONNECT_S", 5.0 if mode == "noise" else 0.3)
    with caplog.at_level(logging.WARNING):
        async with server(spec(mode)) as one:
            assert said in one.problem
            assert not one.tools


async def test_a_command_that_is_not_there_is_a_sentence():
    async with server(ServerSpec("none", ("/no/such/program",))) as one:
        assert one.problem == "/no/such/program cannot be started: No such file or directory."
        with pytest.raises(Unavailable, match="cannot be started"):
            await one.call("add", {}, 0.1)


async def test_calls_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attached, "MOST_WAITING", 2)
    async with server(spec("silent")) as one:
        calls = [asyncio.ensure_future(one.call("add", {}, 5)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await one.call("add", {}, 5)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)


async def test_a_bad_one_does_not_harm_another():
    async with server(spec()) as good, server(spec("flood")) as bad:
        calls = [good.call("add", {"a": n}, 10) for n in range(20)]
        ruin = asyncio.ensure_future(bad.call("add", {}, 10))
        assert [answer.text for answer in await asyncio.gather(*calls)] == [
            str(n) for n in range(20)
        ]
        with pytest.raises(MeshError):
            await ruin


def test_a_tool_is_taken_as_far_as_it_can_be():
    from mcp_types import Tool

    made = AttachedServer(spec(), lambda: None)
    good = {"type": "object", "properties": {}}
    for name, schema, taken in (
        ("fine/tool-1.a", good, True),
        ("DO wipe", good, False),
        ("", good, False),
        ("x" * 129, good, False),
        ("\u0430dd", good, False),
        ("a", {"type": "string"}, False),
        ("a", {"type": "object", "description": "x" * attached.MAX_SCHEMA}, False),
    ):
        tool = Tool(name=name, description="y" * MIB, input_schema=schema)
        found = made._checked(tool)
        assert (found is not None) == taken
        if found is not None:
            assert len(found.description) == attached.MAX_DESCRIPTION


def test_no_secret_is_in_its_repr():
    assert "swordfish" not in repr(spec(env={"TOKEN": "swordfish"}, headers={"A": "swordfish"}))
