"""A submit is insisted on under one key; the choice by skill gets its cause."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from chatixia.core.ports import ArtifactSource, CallAnswer
from chatixia.core.queued_artifacts import unpack
from chatixia.errors import Conflict, DeadlineExceeded, MeshError
from chatixia.ids import AgentId
from chatixia.sidecar import commands
from chatixia.wire.tasks import Body, Submitted
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

    async def choose(payload, cause, *more) -> CallAnswer:
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


async def test_any_and_submit_take_artifacts_of_the_folder(tmp_path: Path):
    taken: list[ArtifactSource] = []

    async def choose(payload, cause, artifacts=(), on_progress=None) -> CallAnswer:
        taken.extend(artifacts)
        on_progress(0.5, "half")
        return CallAnswer(b"1", "direct", 1.0, AgentId("bob"))

    async with sidecar(tmp_path, any_skill=choose) as rig:
        program = await rig.program()
        folder = Path((await program.hello("forecast"))["folder"])
        (folder / "map.png").write_bytes(b"map")
        files = [{"path": str(folder / "map.png"), "name": "map.png"}]
        more = {"args": {"f": {"$artifact": 0}}, "artifacts": files}
        program.command("any", 1, skill="x", progress=True, **more)
        assert (await program.next("progress"))["payload"] == {"fraction": 0.5, "note": "half"}
        assert (await program.next("result"))["payload"]["agent"] == "bob"
        assert (await taken[0].inline()).data == b"map"
        rig.port.reply = Submitted(TASK, "pending")
        assert (await program.asks("submit", 2, target="bob", skill="x", **more))["value"]
        plain = rig.port.verbs[-1][1].payload
        value, table = unpack(bytes(msgspec.json.decode(plain, type=Body).plain))
        assert json.loads(value) == more["args"]
        assert [(info.name, info.data) for info in table] == [("map.png", b"map")]
        forged = {"$artifacts": [], "$value": 1}
        await program.asks("submit", 3, target="bob", skill="x", args=forged)
        plain = rig.port.verbs[-1][1].payload
        value, table = unpack(bytes(msgspec.json.decode(plain, type=Body).plain))
        assert (json.loads(value), table) == (forged, ())
        outside = [{"path": "/etc/passwd"}]
        for kind in ("any", "submit"):
            error = await program.asks(kind, 4, target="bob", skill="x", artifacts=outside)
            assert error["code"] == "bad_arguments"


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
