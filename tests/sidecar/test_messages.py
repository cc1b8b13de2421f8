"""The described commands and events, as requirements B.4 writes them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.errors import Unreachable
from tests.sidecar.rig import incoming, sidecar


def task(rid: str = "0a1b2c3d4e5f", **payload: object) -> dict[str, object]:
    return {
        "type": "task_request",
        "request_id": rid,
        "source_agent": "whoever",
        "target_agent": "bob",
        "payload": payload,
    }


async def test_a_task_request_is_a_call_and_its_answer_a_message(tmp_path: Path):
    async def answers(outgoing: Outgoing) -> CallAnswer:
        return CallAnswer(b'"sunny"', "direct", 1.0, outgoing.target)

    async with sidecar(tmp_path) as rig:
        rig.port.answer = answers
        program = await rig.program()
        program.command("send", target_peer="bob", message=task(message="Oslo", skill="forecast"))
        line = await program.next("message")
        assert line["payload"]["from_peer"] == "bob"
        assert line["payload"]["message"] == {
            "type": "task_response",
            "request_id": "0a1b2c3d4e5f",
            "source_agent": "bob",
            "target_agent": "weather",
            "payload": {"result": "sunny", "error": ""},
        }
        [asked] = rig.port.asked
        assert (asked.skill, asked.body) == ("forecast", b'{"message":"Oslo"}')


async def test_a_failed_send_is_told(tmp_path: Path):
    async def fails(outgoing: Outgoing) -> CallAnswer:
        raise Unreachable("bob is away.")

    async with sidecar(tmp_path) as rig:
        rig.port.answer = fails
        program = await rig.program()
        program.command("send", 4, target_peer="bob", message=task(skill="x"))
        lines = [await program.line(), await program.line()]
        message = next(one for one in lines if one["type"] == "message")["payload"]["message"]
        assert message["payload"] == {"result": None, "error": "bob is away."}
        assert message["error"]["code"] == "unreachable"
        assert {"type": "result", "payload": {"value": None}, "id": 4} in lines


async def test_the_other_kinds(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        rig.port.peers = ["bob", "carol"]
        program = await rig.program()
        program.command("list_peers")
        told = [await program.line() for _ in range(3)]
        assert {"type": "peer_list", "payload": {"peers": ["bob", "carol"]}} in told
        assert {"type": "peer_connected", "payload": {"peer_id": "bob"}} in told
        for kind, answer in (
            ("ping", "pong"),
            ("skill_query", "skill_response"),
            ("agent_prompt", "agent_response"),
        ):
            message = {"type": kind, "request_id": kind, "payload": {"text": "hi"}}
            program.command("send", target_peer="bob", message=message)
            told = (await program.next("message"))["payload"]["message"]
            assert (told["type"], told["request_id"]) == (answer, kind)
        prompt = {"type": "agent_prompt", "payload": {"message": "all", "broadcast": True}}
        assert (await program.asks("broadcast", 5, message=prompt))["value"] == 2
        assert [one.target for one in rig.port.asked[-2:]] == ["bob", "carol"]
        for message in ({"type": "banana"}, {"type": 3}, {"type": "task_response"}):
            code = (await program.asks("send", 6, target_peer="bob", message=message))["code"]
            assert code in ("unknown_type", "bad_request")


async def test_links_that_come_and_go_are_told(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        program.command("list_peers")
        await program.next("peer_list")
        rig.port.peers = ["bob"]
        assert (await program.next("peer_connected"))["payload"] == {"peer_id": "bob"}
        rig.port.peers = []
        assert (await program.next("peer_disconnected"))["payload"] == {"peer_id": "bob"}


async def test_a_silent_program_gets_requests_as_messages_and_answers_them(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        answers, work = rig.ask(incoming("forecast", b'{"message":"Oslo"}'))
        line = await program.next("message")
        message = line["payload"]["message"]
        assert (line["payload"]["from_peer"], message["type"]) == ("alice", "task_request")
        assert message["payload"]["skill"] == "forecast" and message["path"] == ["carol"]
        assert message["payload"]["message"] == "Oslo"
        back = {
            "type": "task_response",
            "request_id": message["request_id"],
            "payload": {"result": "sunny", "error": ""},
        }
        program.command("send", target_peer="mallory", message=back)
        program.command("send", target_peer="alice", message=back)
        await work
        assert answers.value == b'"sunny"'
        answers, work = rig.ask(incoming("forecast", request_id="r-2"))
        await program.next("message")
        back |= {"request_id": "r-2", "payload": {"error": "no such city"}}
        program.command("send", target_peer="alice", message=back)
        await work
        assert answers.error is not None and answers.error.message == "no such city"
        answers, work = rig.ask(
            incoming("", b'{"text":"hi"}', kind="prompt", request_id="r-3", deadline=None)
        )
        assert (await program.next("message"))["payload"]["message"]["type"] == "agent_prompt"
        back = {"type": "agent_response", "request_id": "r-3", "payload": {"text": "yes"}}
        program.command("send", target_peer="alice", message=back)
        await asyncio.wait_for(work, 5)
        assert answers.value == b'"yes"'
