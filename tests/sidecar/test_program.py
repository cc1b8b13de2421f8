"""Commands of a program: each with an id ends once; a cause adds what a program cannot say."""

from __future__ import annotations

import asyncio
import random
import resource
from pathlib import Path

import pytest

from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.errors import Overloaded, SkillFailed
from chatixia.ids import AgentId
from chatixia.wire.signaling import TaskDone, TaskProgress
from chatixia.wire.tasks import Submit, Submitted, Task
from tests.sidecar.rig import ScriptedStream, incoming, sidecar

TASK = "t_" + "a" * 26


async def test_a_call_is_the_ports_and_its_answer_is_told_whole(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        rig.port.answer = lambda outgoing: given(
            CallAnswer(b'{"high":3}', "relay", 2.5, AgentId("bob"), 9.0, "1.2.3.4:5", "late", 4.0)
        )
        program = await rig.program()
        result = await program.asks(
            "call", 7, target="bob", skill="forecast", args={"city": "Oslo"}, timeout=5, key="k"
        )
        assert result == {
            "value": {"high": 3},
            "via": "relay",
            "ms": 2.5,
            "agent": "bob",
            "link_ms": 9.0,
            "where": "1.2.3.4:5",
            "reason": "late",
            "tried_ms": 4.0,
        }
        [asked] = rig.port.asked
        assert (asked.target, asked.skill, asked.body) == ("bob", "forecast", b'{"city": "Oslo"}')
        assert (asked.timeout, asked.key, asked.path) == (5.0, "k", ())


async def test_what_only_looks_like_an_artifact_is_data(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        rig.port.answer = lambda outgoing: given(
            CallAnswer(b'{"$artifact":3}', "direct", 1.0, AgentId("bob"))
        )
        program = await rig.program()
        args = {"city": {"$artifact": 3}}
        result = await program.asks("call", 1, target="bob", skill="x", args=args)
        assert result["value"] == {"$artifact": 3} and "artifacts" not in result
        [asked] = rig.port.asked
        assert (asked.body, asked.artifacts) == (b'{"city": {"$artifact": 3}}', ())


async def given(answer: CallAnswer) -> CallAnswer:
    return answer


async def test_an_error_of_the_port_is_told_with_all_its_fields(tmp_path: Path):
    async def fails(outgoing: Outgoing) -> CallAnswer:
        raise SkillFailed("It broke.", agent="bob", via="direct", outcome="unknown")

    async with sidecar(tmp_path) as rig:
        rig.port.answer = fails
        program = await rig.program()
        assert await program.asks("call", 1, target="bob", skill="x") == {
            "code": "skill_failed",
            "message": "It broke.",
            "outcome": "unknown",
            "agent": "bob",
            "via": "direct",
        }


async def test_a_command_without_an_id_gets_no_word(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        program.command("call", target="bob", skill="x")
        assert (await program.asks("status", 3))["value"]["calls"] == 0
        assert len(rig.port.asked) == 1


async def test_an_id_that_is_open_is_refused_without_it(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        rig.port.answer = lambda outgoing: asyncio.Event().wait()  # type: ignore[assignment]
        program = await rig.program()
        program.command("call", 1, target="bob", skill="x")
        program.command("call", 1, target="bob", skill="x")
        line = await program.next("error")
        assert "id" not in line and line["payload"]["code"] == "conflict"
        for command, payload in (
            ("status", {}),
            ("serve", {}),
            ("cancel", {"call": 9}),
            ("list_peers", {}),
        ):
            program.command(command, 1, **payload)
            line = await program.next("error")
            assert "id" not in line and line["payload"]["code"] == "conflict", command


async def test_too_many_open_commands_are_busy(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        rig.port.answer = lambda outgoing: asyncio.Event().wait()  # type: ignore[assignment]
        program = await rig.program()
        for number in range(1, 1026):
            program.command("call", number, target="bob", skill="x")
        line = await program.next("error")
        assert (line["id"], line["payload"]["code"]) == (1025, "busy")


async def test_cancel_ends_the_call_here_and_there(tmp_path: Path):
    gone = asyncio.Event()

    async def waits(outgoing: Outgoing) -> CallAnswer:
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError

    async with sidecar(tmp_path) as rig:
        rig.port.answer = waits
        program = await rig.program()
        program.command("call", 1, target="bob", skill="x")
        program.command("cancel", 2, call=1)
        assert (await program.next("result"))["id"] == 2
        line = await program.next("error")
        assert (line["id"], line["payload"]["code"]) == (1, "canceled")
        assert gone.is_set()


async def test_a_cause_adds_path_deadline_and_trace_which_no_line_can_claim(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        _, task = rig.ask(incoming())
        number = (await program.next("request"))["id"]
        line = {
            "type": "call",
            "id": 1,
            "for": number,
            "path": ["admin"],
            "payload": {"target": "bob", "skill": "x", "timeout": 600, "path": ["admin"]},
        }
        program.write(line)
        await program.next("result")
        [asked] = rig.port.asked
        assert (asked.path, asked.traceparent) == (("carol", "alice"), "00-a-b-01")
        assert 25 < asked.timeout <= 30
        program.command("reply", cause=number, value=1)
        await task
        for cause in (number, 77):
            error = await program.asks("call", 2, cause, target="bob", skill="x")
            assert (error["code"], len(rig.port.asked)) == ("canceled", 1)


async def test_a_call_ends_with_the_request_that_caused_it(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        rig.port.answer = lambda outgoing: asyncio.Event().wait()  # type: ignore[assignment]
        program = await rig.program()
        await program.hello("forecast")
        _, task = rig.ask(incoming())
        number = (await program.next("request"))["id"]
        program.command("call", 1, number, target="bob", skill="x")
        await program.asks("status", 2)
        task.cancel()
        lines = [await program.line(), await program.line()]
        assert {(line["type"], line["id"]) for line in lines} == {("cancel", number), ("error", 1)}


async def test_a_stream_comes_within_credit(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        stream = ScriptedStream([b'"0123456789"'] * 10)
        rig.port.streams.append(stream)
        program = await rig.program()
        program.command("stream", 1, target="bob", skill="tell", credit=24)
        items = [await program.next("item") for _ in range(2)]
        assert [item["payload"]["item"] for item in items] == ["0123456789"] * 2
        await program.asks("status", 2)
        assert stream.taken == 2
        program.command("credit", call=1, bytes=1000)
        for _ in range(8):
            await program.next("item")
        result = await program.next("result")
        assert (result["id"], result["payload"]["via"], stream.closed) == (1, "direct", True)


async def test_a_canceled_stream_is_closed(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        stream = ScriptedStream([b"1"] * 10)
        rig.port.streams.append(stream)
        program = await rig.program()
        program.command("ask", 1, target="bob", prompt={"text": "hi", "stream": True}, credit=1)
        await program.next("item")
        program.command("cancel", call=1)
        assert (await program.next("error"))["payload"]["code"] == "canceled"
        assert stream.closed and rig.port.asked[0].kind == "prompt"


async def test_the_registrys_commands(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        rig.ask(incoming())
        number = (await program.next("request"))["id"]
        rig.port.reply = Submitted(TASK, "pending")
        result = await program.asks("submit", 1, number, target="bob", skill="x", deadline=60)
        assert result["value"] == {"task_id": TASK}
        name, request = rig.port.verbs[-1]
        assert name == "tasks.submit" and request.path == ["carol", "alice"]
        assert (request.deadline_ms, request.key) == (60_000, request.id)
        forged = {"id": TASK, "target_agent_id": "bob", "path": ["admin"], "source_agent_id": "eve"}
        await program.asks("verb", 2, name="tasks.submit", request=forged)
        request = rig.port.verbs[-1][1]
        assert isinstance(request, Submit)
        assert (request.path, request.source_agent_id) == ([], "")
        for verb in ("tasks.claim", "tasks.complete", "login.create"):
            error = await program.asks("verb", 3, name=verb, request={})
            assert error["code"] == "denied"
        assert (await program.asks("verb", 3, name="no.such"))["code"] == "bad_request"
        rig.port.pushes = [
            TaskProgress(TASK, "", 1, 0.5, "half"),
            TaskDone(Task(TASK, "completed")),
        ]
        program.command("watch", 4, task_id=TASK)
        assert (await program.next("item"))["payload"]["item"]["fraction"] == 0.5
        assert (await program.next("result"))["payload"]["value"]["task"]["state"] == "completed"
        assert (await program.asks("task", 5, task_id="nonsense"))["code"] == "bad_arguments"


async def test_links_and_state(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        rig.port.peers = ["bob"]
        program = await rig.program()
        await program.hello()
        assert (await program.asks("ping", 1, target="bob"))["value"]["ms"] == 0.5
        assert (await program.asks("ping", 2, target="nobody"))["code"] == "unknown_agent"
        assert (await program.asks("connect", 3, target_peer_id="bob")) == {"value": None}
        status = (await program.asks("status", 4))["value"]
        assert (status["online"], status["links"][0]["peer"]) == (True, "bob")


async def test_hello_is_answered_or_refused(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        assert (await program.asks("hello", 1, name="other"))["code"] == "bad_config"
        assert (await program.asks("hello", 2, version=9))["code"] == "upgrade_needed"
        welcome = await program.hello("forecast", name="weather", slots=3)
        assert (welcome["name"], welcome["version"], welcome["key"]) == ("weather", 1, "7f3a-91c2")
        assert ([skill.name for skill in rig.port.skills], rig.port.slots) == (["forecast"], 3)
        assert [hello.slots for hello in rig.hellos] == [3]
        await program.asks("serve", 3, skills=[{"name": "tell"}], slots=1)
        assert [skill.name for skill in rig.port.skills] == ["tell"]


async def test_a_slow_reader_stops_its_own_commands_and_nothing_grows(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        text = "x" * 1_000_000
        for number in range(1, 101):
            program.command("call", number, target="bob", skill="x", args={"p": text})
        await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0.01)
            if len(rig.port.asked) >= 100:
                break
        assert len(rig.port.asked) < 40
        held = rig.server._program.unread if rig.server._program else 0
        assert held < 12_000_000
        for _ in range(100):
            await program.next("result")


def mutated(line: bytes, dice: random.Random) -> bytes:
    """The line with a piece changed, lost or doubled; never a line end in it."""
    at, size = dice.randrange(len(line)), dice.randrange(1, 12)
    piece = bytes(dice.randrange(256) for _ in range(size))
    kinds = (piece, b"", line[at : at + size] * 2, b'"', b"{", b"9" * 30)
    return (line[:at] + dice.choice(kinds) + line[at + size :]).replace(b"\n", b" ")


async def storm(rig, count: int) -> None:
    """Mutated golden lines; a good command is answered after every 50."""
    golden = Path(__file__).parents[1] / "golden" / "ipc" / "commands.jsonl"
    lines, dice = golden.read_bytes().splitlines(), random.Random(7)
    program, good = await rig.program(), 0
    await program.hello("forecast")
    for number in range(1, count + 1):
        program.writer.write(mutated(dice.choice(lines), dice) + b"\n")
        if number % 50:
            continue
        marker = 10_000_000 + number
        program.command("status", marker)
        while True:
            try:
                line = await program.line()
            except AssertionError:  # a clean end: a hello of another, or a takeover of itself
                program = await rig.program()
                await program.hello("forecast")
                program.command("status", marker)
                continue
            assert line["type"] in KNOWN, line
            if line.get("id") == marker:
                good += 1
                break
    assert good == count // 50
    await program.close()


KNOWN = {"result", "error", "item", "progress", "peer_list", "message", "peer_connected"}


COUNTS = [500, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]


@pytest.mark.parametrize("count", COUNTS)
async def test_mutated_lines_are_an_error_each_and_cost_no_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, count: int
):
    async with sidecar(tmp_path) as rig:
        rig.port.reply = Overloaded()
        rig.port.streams = [ScriptedStream([]) for _ in range(20_000)]
        await storm(rig, 500)
        before = rss()
        await storm(rig, count)
        assert rss() - before < 4_000_000
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


def rss() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
