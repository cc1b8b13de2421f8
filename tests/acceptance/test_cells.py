"""Six ways to fail through four doors: the same code, sentence and `retryable` at each.

The doors: a link, the queue, the command line, and REST with an API key.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import pytest

from chatixia.errors import MeshError
from tests.acceptance.doors import api_key
from tests.acceptance.harness import TestMesh

HANG = 30.0
ONLINE = 5.0
"""The shortest timeout of a command: its login counts, and must not be what runs out."""


class Failure(NamedTuple):
    """A call that must fail, and how."""

    agent: str
    skill: str
    args: dict[str, Any]
    code: str
    timeout: float = 20.0


FAILURES = {
    "unknown agent": Failure("nobody", "echo", {"data": "x"}, "unknown_agent"),
    "unknown skill": Failure("a", "fly", {}, "unknown_skill"),
    "wrong argument type": Failure("a", "add", {"a": "one"}, "bad_arguments"),
    "past deadline": Failure("a", "slow", {"seconds": 30.0}, "deadline_exceeded", 1.0),
    "too large": Failure("a", "echo", {"data": "x" * (17 * 1024 * 1024)}, "too_large"),
    "a skill that raises": Failure("a", "boom", {}, "skill_failed"),
    # The same six where they are less easy.
    "no agent's name": Failure("Ünï", "echo", {"data": "x"}, "unknown_agent"),
    "a kept name": Failure("registry", "echo", {"data": "x"}, "unknown_agent"),
    "no skill's name": Failure("a", "groß", {}, "unknown_skill"),
    "wrong inside": Failure("a", "total", {"rows": [{"n": 1}, {"n": "x"}]}, "bad_arguments"),
    "far too large": Failure("a", "echo", {"data": "x" * (33 * 1024 * 1024)}, "too_large"),
    "cancelled inside": Failure("a", "shrug", {}, "skill_failed"),
}


class Seen(NamedTuple):
    """What a door said."""

    code: str
    sentence: str
    retryable: bool
    outcome: str


def seen(error: dict[str, Any], sentence: str) -> Seen:
    """An error as JSON, which leaves out what is as usual."""
    retryable, outcome = error.get("retryable", False), error.get("outcome", "definite")
    return Seen(error["code"], sentence, retryable, outcome)


async def by_link(net: TestMesh, failure: Failure) -> Seen:
    return await through(net, failure, "never")


async def by_queue(net: TestMesh, failure: Failure) -> Seen:
    return await through(net, failure, "only")


async def through(net: TestMesh, failure: Failure, queue: str) -> Seen:
    """By the Python API over one tier; that the tier is the one meant, another call shows."""
    async with net.client() as mesh:
        handle = mesh.agent("a", timeout=HANG, queue=queue)
        tier = (await handle.call("echo", {"data": "x"})).via
        assert tier == {"never": "direct", "only": "queue, plain"}[queue]
        with pytest.raises(MeshError) as caught:
            handle = mesh.agent(failure.agent, timeout=failure.timeout, queue=queue)
            await handle.call(failure.skill, failure.args)
    error = caught.value
    return Seen(error.code, error.message, error.retryable, error.outcome)


async def by_command_line(net: TestMesh, failure: Failure) -> Seen:
    words = [f"{name}:={json.dumps(value)}" for name, value in failure.args.items()]
    if sum(map(len, words)) > 100_000:  # more than a command line may hold
        file = net.procs.folder / "large"
        file.write_text(failure.args["data"])
        words = [f"data@{file}"]
    timeout = max(failure.timeout, ONLINE)
    options = ["--json", "--timeout", str(timeout)]
    done = await asyncio.to_thread(
        net.procs.run, "call", failure.agent, failure.skill, *words, *options
    )
    assert done.returncode != 0, done.stdout[:500]
    said = json.loads(done.stdout.splitlines()[-1])
    error = said.get("error", said)
    return seen(error, error["message"])


async def by_rest(net: TestMesh, failure: Failure) -> Seen:
    """Submit as a key-less client, and read the row until it is terminal."""
    key = await asyncio.to_thread(api_key, net.procs.home, "script")
    asked = {
        "target_agent_id": failure.agent,
        "skill": failure.skill,
        "ttl": failure.timeout,
        "payload": {"plain": failure.args},
        "max_attempts": 1,
    }
    status, said = await asyncio.to_thread(rest, net.port, key, "POST", "/api/hub/tasks", asked)
    if status != 200:
        return seen(said, said["detail"])
    path = f"/api/tasks/{said['task_id']}"
    async with asyncio.timeout(HANG):
        while (row := (await asyncio.to_thread(rest, net.port, key, "GET", path))[1])["state"] in (
            "pending",
            "assigned",
        ):
            await asyncio.sleep(0.05)
    error = row["error"]
    return seen(error, error.get("message", ""))


def rest(port: int, key: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG)
    try:
        data = None if body is None else json.dumps(body)
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        with contextlib.suppress(ConnectionError):  # refused while it was sent: the answer is there
            line.request(method, path, data, headers)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


DOORS: dict[str, Callable[[TestMesh, Failure], Any]] = {
    "link": by_link,
    "queue": by_queue,
    "command line": by_command_line,
    "REST": by_rest,
}


@pytest.fixture
async def mesh(net: TestMesh) -> AsyncIterator[TestMesh]:
    net.up()
    net.worker("a")
    yield net


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_is_the_same_through_every_door(mesh: TestMesh, name: str):
    failure = FAILURES[name]
    told = {door: await ask(mesh, failure) for door, ask in DOORS.items()}
    for door, said in told.items():
        print(
            f"{name:20} {door:13} {said.code:18} {said.retryable!s:6} {said.outcome:9}",
            said.sentence,
        )
    assert {said.code for said in told.values()} == {failure.code}, told
    assert len(set(told.values())) == 1, told
    assert all(said.sentence.endswith(".") for said in told.values())
