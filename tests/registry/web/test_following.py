"""A task followed by plain HTTP: waits end with the task, streams say what happens to it."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from chatixia.errors import Unauthorized
from chatixia.registry.web import following, requests
from chatixia.registry.work import followers
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate
from tests.registry.doors import HANG, Peer, agent, http_call, person
from tests.until import until

HEARD_S = 25.0
"""Less than such a request waits: its end by itself tells nothing."""


class Line:
    """A request whose answer is read while it comes."""

    @classmethod
    async def open(
        cls, registry: RegistryHarness, method: str, path: str, body: bytes = b"", **headers: str
    ) -> Line:
        made, url = cls(), urlsplit(registry.url)
        made.reader, made.writer = await asyncio.open_connection(url.hostname, url.port)
        sent = {"Host": url.netloc, "Content-Length": str(len(body)), **headers}
        if body:
            sent["Content-Type"] = "application/json"
        head = [f"{method} {path} HTTP/1.1"]
        head += [f"{name.replace('_', '-')}: {value}" for name, value in sent.items()]
        made.writer.write("\r\n".join([*head, "", ""]).encode() + body)
        return made

    async def until(self, mark: str) -> str:
        async with asyncio.timeout(HANG):
            return (await self.reader.readuntil(mark.encode())).decode()

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def over(*_: object) -> None:
    """A credential that holds no longer; the end of a key would end its tasks as well."""
    raise Unauthorized


class Pair:
    """A key-less client, and a worker that does what it is told."""

    def __init__(self, registry: RegistryHarness, key: str, id: str, worker: Peer) -> None:
        self.registry, self.key, self.id, self.worker = registry, key, id, worker

    @classmethod
    async def of(cls, registry: RegistryHarness) -> Pair:
        made = await registry.running.service.trust.keys.create(person(), KeyCreate("script"))
        return cls(registry, made.key, made.id, await agent(registry, "worker", "x", slots=4))

    async def submit(self, **query: Any) -> Any:
        path = "/api/hub/tasks" + "".join(f"?{name}={value}" for name, value in query.items())
        body = {"skill": "x", "payload": {"plain": 1}}
        return await http_call(self.registry, "POST", path, body, x_api_key=self.key)

    async def watch(self) -> Line:
        """A stream of the events of a task that was just submitted."""
        path = f"/api/tasks/{(await self.submit()).json['task_id']}/watch"
        return await Line.open(
            self.registry, "GET", path, Accept="text/event-stream", X_API_Key=self.key
        )

    async def grant(self) -> dict[str, str]:
        push = await self.worker.next("task")
        return {"task_id": push["task"]["id"], "fence": push["fence"]}

    async def complete(self, held: dict[str, str], value: Any) -> None:
        done = await self.worker.verb("tasks.complete", **held, result={"plain": value})
        assert done["type"] == "result", done

    async def waiting(self, many: int = 1) -> None:
        """Until so many followers are there."""
        followers = self.registry.running.service.tasks.followers
        await until(lambda: followers._of_holder.total() == many, HANG)


async def test_a_submit_that_waits_brings_the_result(registry: RegistryHarness):
    pair = await Pair.of(registry)
    asked = asyncio.ensure_future(pair.submit(wait=30))
    held = await pair.grant()
    await pair.waiting()
    await pair.complete(held, {"sum": 3})
    answer = (await asyncio.wait_for(asked, HEARD_S)).json
    assert (answer["task_id"], answer["state"]) == (held["task_id"], "completed")
    assert answer["task"]["result"] == {"plain": {"sum": 3}}


@pytest.mark.parametrize("path", ["/api/tasks/{}", "/api/hub/tasks/{}"])
async def test_a_get_that_waits_ends_with_the_task_or_its_time(
    registry: RegistryHarness, path: str
):
    pair = await Pair.of(registry)
    made = (await pair.submit()).json["task_id"]
    held = await pair.grant()
    who = {"x_api_key": pair.key}
    soon = await http_call(registry, "GET", f"{path.format(made)}?wait=0.05", **who)
    assert soon.json["state"] == "assigned"
    late = asyncio.ensure_future(http_call(registry, "GET", f"{path.format(made)}?wait=30", **who))
    await pair.waiting()
    await pair.complete(held, 7)
    assert (await asyncio.wait_for(late, HEARD_S)).json["state"] == "completed"
    at_once = await http_call(registry, "GET", f"{path.format(made)}?wait=30", **who)
    assert at_once.json["state"] == "completed"
    for wait in ("31", "-1", "x", "nan"):
        refused = await http_call(registry, "GET", f"{path.format(made)}?wait={wait}", **who)
        assert (refused.status, refused.code) == (422, "invalid")


async def test_a_stream_says_what_happens_until_the_end(registry: RegistryHarness):
    pair = await Pair.of(registry)
    made = (await pair.submit()).json["task_id"]
    held = await pair.grant()
    line = await Line.open(
        registry, "GET", f"/api/tasks/{made}/watch", Accept="text/event-stream", X_API_Key=pair.key
    )
    head = (await line.until("\r\n\r\n")).lower()
    assert "200" in head and "text/event-stream" in head and "no-store" in head
    first = await line.until("\n\n")
    assert "event: task\n" in first
    await pair.worker.verb("tasks.progress", **held, n=1, fraction=0.5, note="half")
    told = await line.until("\n\n")
    assert "event: task_progress\n" in told and '"note":"half"' in told
    await pair.complete(held, [1])
    done = await line.until("\n\n")
    assert "event: task_done\n" in done
    row = json.loads(done.partition("data: ")[2])["task"]
    assert row["state"] == "completed" and row["result"] == {"plain": [1]}
    await line.until("0\r\n\r\n")
    await line.close()
    # Over already: one event, and the end.
    line = await Line.open(
        registry, "GET", f"/api/tasks/{made}/watch", Accept="text/event-stream", X_API_Key=pair.key
    )
    assert '"state":"completed"' in await line.until("0\r\n\r\n")
    await line.close()
    plain = await http_call(registry, "GET", f"/api/tasks/{made}/watch", x_api_key=pair.key)
    assert plain.json["state"] == "completed"
    await pair.waiting(0)


async def test_who_leaves_waits_no_longer(registry: RegistryHarness):
    pair = await Pair.of(registry)
    made = (await pair.submit()).json["task_id"]
    paths = (
        ("GET", f"/api/tasks/{made}?wait=30", b"", "application/json"),
        (
            "GET",
            f"/api/tasks/{made}/watch",
            b"",
            "text/event-stream",
        ),
        ("POST", "/api/hub/tasks?wait=30", b'{"skill":"x"}', "application/json"),
    )
    for method, path, body, accept in paths:
        line = await Line.open(registry, method, path, body, Accept=accept, X_API_Key=pair.key)
        await pair.waiting(1)
        await line.close()
        await pair.waiting(0)


async def test_a_strangers_task_is_not_followed_and_waits_are_bounded(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(followers, "MAX_PER_HOLDER", 1)
    pair = await Pair.of(registry)
    made = (await pair.submit()).json["task_id"]
    other = (await registry.running.service.trust.keys.create(person(), KeyCreate("other"))).key
    for accept in ("application/json", "text/event-stream"):
        path = f"/api/tasks/{made}/watch"
        refused = await http_call(registry, "GET", path, x_api_key=other, accept=accept)
        assert (refused.status, refused.code) == (403, "denied")
    path = f"/api/tasks/{made}?wait=30"
    line = await Line.open(registry, "GET", path, X_API_Key=pair.key)
    await pair.waiting(1)
    refused = await http_call(registry, "GET", path, x_api_key=pair.key)
    assert (refused.status, refused.code) == (429, "busy")
    # Accepted work is not lost by a wait that is refused.
    answer = await pair.submit(wait=30)
    assert (
        answer.status == 200
        and answer.json.get("state", "pending") == "pending"
        and "task" not in answer.json
    )
    # And no verb of the others is held up.
    assert (await http_call(registry, "GET", "/api/status", x_api_key=pair.key)).status == 200
    await line.close()


async def test_a_stream_ends_with_the_right_to_it(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following, "PING_SECONDS", 0.05)
    pair = await Pair.of(registry)
    line = await pair.watch()
    await line.until(":\n\n")

    monkeypatch.setattr(registry.running.service.trust.gate, "caller", over)
    assert "unauthorized" in await line.until("0\r\n\r\n")
    await line.close()


async def test_a_stream_that_is_never_silent_ends_with_the_right_to_it_as_well(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following, "PING_SECONDS", 0.2)
    pair = await Pair.of(registry)
    line = await pair.watch()
    await line.until("event: task\n")
    held = await pair.grant()

    async def over(*_: object) -> None:
        raise Unauthorized

    async def talk() -> None:
        for n in range(10_000):
            await pair.worker.verb("tasks.progress", **held, n=n, note="more")

    monkeypatch.setattr(registry.running.service.trust.gate, "caller", over)
    talking, said = asyncio.create_task(talk()), b""
    async with asyncio.timeout(HANG):
        while b"unauthorized" not in said:
            said = said[-100:] + await line.reader.read(65_536)
    talking.cancel()
    await line.close()


async def test_a_wait_gives_nothing_to_a_right_that_ended_meanwhile(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    pair = await Pair.of(registry)
    made = (await pair.submit()).json["task_id"]
    line = await Line.open(registry, "GET", f"/api/tasks/{made}?wait=30", X_API_Key=pair.key)
    await pair.waiting(1)

    monkeypatch.setattr(registry.running.service.trust.gate, "caller", over)
    await pair.complete(await pair.grant(), "secret")
    said = await line.until("}")
    assert said.startswith("HTTP/1.1 401 ") and "secret" not in said
    await line.close()


async def test_a_stream_that_nobody_reads_ends(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(requests, "ANSWER_SECONDS", 0.3)
    pair = await Pair.of(registry)
    line = await pair.watch()
    await pair.waiting(1)
    held = await pair.grant()
    for n in range(64):
        item = {"plain": "x" * 200_000}
        await pair.worker.verb("tasks.progress", **held, n=n, item=item)
        if not registry.running.service.tasks.followers._of_holder.total():
            break
    await pair.waiting(0)
    await line.close()


async def test_a_registry_that_stops_ends_waits(registry: RegistryHarness):
    pair = await Pair.of(registry)
    made = (await pair.submit()).json["task_id"]
    path = f"/api/tasks/{made}?wait=30"
    asked = asyncio.ensure_future(http_call(registry, "GET", path, x_api_key=pair.key))
    await pair.waiting(1)
    registry.running.service.tasks.followers.close()
    answer = await asked
    assert (answer.status, answer.code) == (503, "unavailable")
