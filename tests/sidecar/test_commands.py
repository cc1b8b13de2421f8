"""A submit is insisted on under one key; the choice by skill gets its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.core.ports import CallAnswer
from chatixia.errors import Conflict, DeadlineExceeded, MeshError
from chatixia.ids import AgentId
from chatixia.sidecar import commands
from chatixia.wire.tasks import Submitted
from tests.sidecar.rig import incoming, sidecar

TASK = "t_" + "a" * 26


async def test_a_lost_acknowledgement_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commands, "PAUSES", (0.0,))
    async with sidecar(tmp_path) as rig:
        replies: list[MeshError | Submitted] = [DeadlineExceeded(), Submitted(TASK, "pending")]
        keys: list[str] = []

        async def verb(name: str, request: object, timeout: float = 10.0) -> Submitted:
            keys.append(request.key)  # type: ignore[attr-defined]
            reply = replies.pop(0)
            if isinstance(reply, MeshError):
                raise reply
            return reply

        rig.port.verb = verb  # type: ignore[method-assign]
        program = await rig.program()
        done = await program.asks("submit", 1, target="bob", skill="x")
        assert done["value"] == {"task_id": TASK} and len(set(keys)) == 1 and len(keys) == 2
        replies[:] = [Conflict()]
        assert (await program.asks("submit", 1, target="bob", skill="x"))["code"] == "conflict"


async def test_any_gets_its_cause(tmp_path: Path):
    seen: list[tuple[str, tuple[str, ...], bool]] = []

    async def choose(payload, cause) -> CallAnswer:
        seen.append((payload.skill, cause.path, cause.left is not None))
        return CallAnswer(b"1", "direct", 1.0, AgentId("bob"))

    async with sidecar(tmp_path, any_skill=choose) as rig:
        program = await rig.program()
        await program.hello("forecast")
        assert (await program.asks("any", 1, skill="x"))["agent"] == "bob"
        rig.ask(incoming())
        number = (await program.next("request"))["id"]
        await program.asks("any", 2, number, skill="y")
        assert seen == [("x", (), False), ("y", ("carol", "alice"), True)]


async def test_a_cause_that_has_no_time_left_is_refused(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        rig.ask(incoming(deadline=1.0))
        number = (await program.next("request"))["id"]
        error = await program.asks("call", 1, number, target="bob", skill="x")
        assert (error["code"], error.get("outcome", "definite")) == (
            "deadline_exceeded",
            "definite",
        )
        assert not rig.port.asked
