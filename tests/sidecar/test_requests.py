"""Requests have lives of their own: they wait for a program, and outlive one that is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from chatixia.errors import MeshError, Overloaded, Unavailable, UnknownSkill
from chatixia.sidecar import requests
from chatixia.sidecar.lines import LineProtocol
from tests.sidecar.rig import Answers, Rig, incoming, sidecar
from tests.until import until

IDEMPOTENT = {"forecast": {"idempotent": True}}


async def refusal(task: asyncio.Task[None]) -> MeshError:
    with pytest.raises(MeshError) as caught:
        await task
    return caught.value


async def test_a_request_is_told_whole_and_its_answer_is_the_callers(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        answers, task = rig.ask(incoming(fence="1-2", attempt=2, task_id="t", holder="laptop"))
        line = await program.next("request")
        payload = line["payload"]
        assert 29_000 < payload.pop("deadline_ms") <= 30_000
        assert payload == {
            "caller": "alice",
            "skill": "forecast",
            "args": {"city": "Oslo"},
            "path": ["carol", "alice"],
            "traceparent": "00-a-b-01",
            "via": "direct",
            "key": "r-1",
            "request_id": "r-1",
            "fence": "1-2",
            "attempt": 2,
            "task_id": "t",
            "holder": "laptop",
        }
        assert await program.asks("reply", 1, line["id"], value={"high": 3}) == {"value": None}
        await task
        assert answers.value == b'{"high": 3}'
        error = await program.asks("reply", 2, line["id"], value=4)
        assert error["code"] == "not_found"


async def test_what_comes_while_a_program_leaves_waits_for_the_next_one(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        running = rig.ask(incoming())[1]
        one = await program.next("request")
        await program.asks("serve", 1, leaving=True)
        assert (rig.port.skills, rig.port.slots) == ([], 0)
        answers, waiting = rig.ask(incoming())
        await program.asks("reply", 2, one["id"], value=1)
        await running
        await program.close()
        after = await rig.program()
        await after.hello("forecast")
        line = await after.next("request")
        await after.asks("reply", 1, line["id"], value=2)
        await waiting
        assert answers.value == b"2"


async def test_where_nothing_waits_it_is_busy_while_a_program_leaves(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast", away="busy")
        await program.asks("serve", 1, leaving=True)
        assert isinstance(await refusal(rig.ask(incoming())[1]), Overloaded)


async def test_what_is_not_served_never_comes(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast", "tell")
        error = await refusal(rig.ask(incoming("nope"))[1])
        assert isinstance(error, UnknownSkill)
        assert error.message == "weather has no skill nope; it has: forecast, tell."
        prompt = incoming("", b'{"text":"hi"}', kind="prompt")
        assert (await refusal(rig.ask(prompt)[1])).code == "unknown_skill"
        await program.asks("serve", 1, prompt=True)
        answers, task = rig.ask(prompt)
        line = await program.next("prompt")
        program.command("reply", cause=line["id"], value="yes")
        await task
        assert answers.value == b'"yes"'


async def test_requests_wait_for_the_first_program_in_their_order(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        first = [rig.ask(incoming(request_id=f"r-{n}"))[1] for n in range(3)]
        await until(lambda: rig.server.table.waiting == 3)
        program = await rig.program()
        await program.hello("forecast")
        lines = [await program.next("request") for _ in range(3)]
        assert [line["payload"]["request_id"] for line in lines] == ["r-0", "r-1", "r-2"]
        assert not any(task.done() for task in first)


async def test_one_that_runs_when_its_program_ends_has_an_unknown_outcome(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        answers, task = rig.ask(incoming())
        await program.next("request")
        await program.close()
        await task
        assert answers.error is not None
        assert (answers.error.code, answers.error.outcome) == ("peer_restarted", "unknown")


async def test_an_idempotent_one_runs_again_and_is_answered_once(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast", **IDEMPOTENT)
        answers, task = rig.ask(incoming())
        await program.next("request")
        await program.close()
        again = await rig.program()
        await again.hello("forecast", **IDEMPOTENT)
        line = await again.next("request")
        again.command("reply", cause=line["id"], value=1)
        await task
        assert (answers.value, answers.error) == (b"1", None)


async def test_one_that_ends_each_program_ends_itself(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        answers, task = rig.ask(incoming())
        for _ in range(requests.MOST_TRIES):
            program = await rig.program()
            await program.hello("forecast", **IDEMPOTENT)
            await program.next("request")
            await program.close()
        await task
        assert answers.error is not None and answers.error.code == "peer_restarted"


async def test_where_it_is_declared_they_are_busy_at_once(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast", away="busy")
        await program.close()
        await until(lambda: rig.server.table.program is None)
        error = await refusal(rig.ask(incoming())[1])
        assert isinstance(error, Overloaded) and error.retryable


async def test_a_program_that_stays_away_ends_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests, "AWAY_SECONDS", 0.05)
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        await program.close()
        await until(lambda: rig.server.table.program is None)
        answers, task = rig.ask(incoming())
        await task
        assert isinstance(answers.error, Unavailable)
        assert rig.port.skills == []
        assert (await refusal(rig.ask(incoming())[1])).code == "unavailable"
        back = await rig.program()
        await back.hello("forecast")
        rig.ask(incoming())
        await back.next("request")


async def test_only_so_many_wait_and_no_holder_takes_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests, "MAX_WAITING", 16)
    async with sidecar(tmp_path) as rig:
        tasks = [rig.ask(incoming(holder="greedy"))[1] for _ in range(13)]
        assert (await refusal(tasks[-1])).code == "busy"
        await until(lambda: rig.server.table.waiting == 12)
        rig.ask(incoming(holder="small"))
        await until(lambda: rig.server.table.waiting == 13)
        monkeypatch.setattr(requests, "WAITING_BYTES", 10)
        assert (await refusal(rig.ask(incoming(holder="other"))[1])).code == "busy"
        tasks[0].cancel()
        await until(lambda: rig.server.table.waiting == 12)
        assert rig.server.table.waiting_bytes == 12 * len(b'{"city":"Oslo"}')


async def full(rig: Rig) -> None:
    program = rig.server._program
    assert program is not None
    program.pause_writing()


async def test_a_program_that_does_not_read_makes_its_callers_wait(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        await full(rig)
        rig.ask(incoming())
        await until(lambda: rig.server.table.waiting == 1)
        assert rig.server._program is not None
        rig.server._program.resume_writing()
        await program.next("request")


async def test_a_request_that_is_left_is_told_as_canceled(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        answers, task = rig.ask(incoming())
        number = (await program.next("request"))["id"]
        task.cancel()
        assert await program.next("cancel") == {"type": "cancel", "id": number}
        assert (await program.asks("reply", 1, number, value=1))["code"] == "not_found"
        assert (answers.value, answers.error) == (None, None)


async def test_of_requests_that_come_together_the_first_alone_goes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        writes: list[int] = []
        flush = LineProtocol.flush

        def counted(line: LineProtocol) -> None:
            writes.append(len(line._unwritten))
            flush(line)

        monkeypatch.setattr(LineProtocol, "flush", counted)
        works = [rig.port.handler(incoming(), Answers()) for _ in range(4)]
        for _ in works:
            await program.next("request")
        assert writes == [1, 3]
        for work in works:
            work.cancel()


async def test_a_program_lists_only_what_others_can_read(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        for skills in (
            [{"name": "a b"}],
            [{"name": "a"}, {"name": "a"}],
            [{"name": "a", "returns": 5}],
        ):
            assert (await program.asks("serve", 5, skills=skills))["code"] == "bad_request"
        assert [skill.name for skill in rig.port.skills] == ["forecast"]
