"""A client of the described contract reads tasks in its own form, over real routes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chatixia.core.ports import Principal
from chatixia.errors import CursorExpired, Denied, NotFound, Unprocessable
from chatixia.registry.call import Listener, RequestContext
from chatixia.registry.work.compat import shown
from chatixia.testing.registry import RegistryHarness
from chatixia.wire import tasks as t
from chatixia.wire.registry import KeyCreate
from tests.registry.doors import Answer, http_call, person
from tests.store.control.kit import ALICE, BOB, CAROL, OWNER, task_id

from .desk import PLAIN, Desk, done

TWELVE = {
    "id",
    "skill",
    "target_agent_id",
    "source_agent_id",
    "assigned_agent_id",
    "payload",
    "state",
    "result",
    "error",
    "created_at",
    "updated_at",
    "ttl",
}


def by(who: Principal) -> RequestContext:
    return RequestContext(who, "?", Listener())


class Described:
    """A described client: an API key and the described routes, nothing of ours."""

    def __init__(self, registry: RegistryHarness, key: str) -> None:
        self.registry, self.key = registry, key

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        return await http_call(self.registry, method, path, body, x_api_key=self.key)


async def member(registry: RegistryHarness, name: str) -> Described:
    key = (await registry.running.service.trust.keys.create(person(), KeyCreate(name))).key
    return Described(registry, key)


async def test_a_task_goes_its_described_way_in_the_described_form(registry: RegistryHarness):
    asker, worker = await member(registry, "asker"), await member(registry, "worker")
    payload = {"message": "hello", "n": [1, None]}
    made = (await asker.ask("POST", "/api/hub/tasks", {"skill": "greet", "payload": payload})).json
    path = f"/api/hub/tasks/{made['task_id']}"
    seen = (await asker.ask("GET", path)).json
    assert set(seen) >= TWELVE
    assert {name: seen[name] for name in TWELVE - {"created_at", "updated_at"}} == {
        "id": made["task_id"],
        "skill": "greet",
        "target_agent_id": "",
        "source_agent_id": "asker",
        "assigned_agent_id": "",
        "payload": payload,
        "state": "pending",
        "result": "",
        "error": "",
        "ttl": 300,
    }
    beat = {"agent_id": "worker", "skill_names": ["greet"]}
    [given] = (await worker.ask("POST", "/api/hub/heartbeat", beat)).json["pending_tasks"]
    assert set(given) >= TWELVE
    assert (given["payload"], given["state"]) == (payload, "assigned")
    assert given["assigned_agent_id"] == "worker"
    report = {"state": "completed", "result": "hi"}
    assert (await worker.ask("POST", path, report)).json == {"status": "ok"}
    assert (await asker.ask("GET", path)).json["result"] == "hi"
    [listed] = (await asker.ask("GET", "/api/hub/tasks/all")).json
    assert (listed["payload"], listed["result"], listed["error"]) == (payload, "hi", "")
    ours = (await asker.ask("GET", f"/api/tasks/{made['task_id']}")).json
    assert (ours["payload"], ours["result"]) == ({"plain": payload}, {"plain": "hi"})


async def test_an_error_is_a_sentence(registry: RegistryHarness):
    asker, worker = await member(registry, "asker"), await member(registry, "worker")
    asked = {"target_agent_id": "worker", "skill": "x", "max_attempts": 1}
    made = (await asker.ask("POST", "/api/hub/tasks", asked)).json["task_id"]
    await worker.ask("POST", "/api/hub/heartbeat", {"agent_id": "worker"})
    report = {"state": "failed", "error": "unknown skill: x"}
    await worker.ask("POST", f"/api/hub/tasks/{made}", report)
    seen = (await asker.ask("GET", f"/api/hub/tasks/{made}")).json
    assert (seen["state"], seen["error"], seen["code"]) == (
        "failed",
        "unknown skill: x",
        "skill_failed",
    )
    assert (seen["payload"], seen["result"]) == (None, "")


@pytest.mark.parametrize("name", ["t1", task_id(7), "0a1b2c3d-4e5", "%20"])
async def test_an_unknown_task_is_not_found_at_every_door(registry: RegistryHarness, name: str):
    asker = await member(registry, "asker")
    report = {"state": "completed", "result": "x"}
    fenced: dict[str, Any] = {"fence": "1.1", "n": 1, "error": {"code": "skill_failed"}}
    answers = [
        await asker.ask("GET", f"/api/hub/tasks/{name}"),
        await asker.ask("POST", f"/api/hub/tasks/{name}", report),
        await asker.ask("GET", f"/api/tasks/{name}"),
        await asker.ask("GET", f"/api/tasks/{name}/watch"),
        await asker.ask("POST", f"/api/tasks/{name}/cancel", {}),
    ] + [
        await asker.ask("POST", f"/api/tasks/{name}/{verb}", fenced)
        for verb in ("started", "progress", "complete", "fail", "release")
    ]
    assert {(answer.status, answer.code) for answer in answers} == {(404, "not_found")}


async def test_the_list_holds_all_and_says_where_the_rest_is(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    asker = await member(registry, "asker")
    names = [
        (await asker.ask("POST", "/api/hub/tasks", {"skill": "x", "payload": "z" * 100})).json
        for _ in range(60)
    ]
    newest = [made["task_id"] for made in reversed(names)]
    whole = await asker.ask("GET", "/api/hub/tasks/all")
    assert [task["id"] for task in whole.json] == newest
    assert "link" not in whole.headers
    monkeypatch.setattr(t, "MAX_LISTED_BYTES", 25 * 102)
    seen: list[str] = []
    path = "/api/hub/tasks/all?skill=x"
    while path:
        page = await asker.ask("GET", path)
        seen += [task["id"] for task in page.json]
        assert len(page.json) <= 25
        link = page.headers.get("link", "")
        assert not link or link.endswith('>; rel="next"')
        path = link.partition(">")[0][1:]
    assert seen == newest


async def test_a_page_ends_by_count_or_by_bytes_and_holds_one_task_at_least(desk: Desk):
    names = [await desk.submit(ALICE) for _ in range(4)][::-1]
    call = by(OWNER)
    found = await desk.described.all(call, t.QueryAll(limit=3))
    assert [task.id for task in found] == names[:3] and call.more
    rest = await desk.described.all(by(OWNER), t.QueryAll(cursor=call.more))
    assert [task.id for task in rest] == names[3:]
    tasks, more = await desk.store.tasks.whole(OWNER, t.QueryAll(), True, 1)
    assert [task.id for task in tasks] == names[:1] and more
    with pytest.raises(CursorExpired):
        await desk.described.all(by(OWNER), t.QueryAll(cursor="999.1"))
    with pytest.raises(Unprocessable):
        await desk.described.all(by(OWNER), t.QueryAll(state="banana"))
    beyond = f"{desk.store.generation}.{'9' * 25}"
    assert len(await desk.described.all(by(OWNER), t.QueryAll(cursor=beyond))) == 4


async def test_only_who_it_concerns_reads_it(desk: Desk):
    name = await desk.submit(ALICE, target_agent_id="bob")
    assert (await desk.described.get(by(BOB), t.Ref(name))).id == name
    with pytest.raises(Denied):
        await desk.described.get(by(CAROL), t.Ref(name))
    with pytest.raises(NotFound):
        await desk.described.get(by(OWNER), t.Ref(task_id(99)))
    assert await desk.described.all(by(CAROL), t.QueryAll()) == []


@pytest.mark.parametrize(
    ("state", "seen", "code"),
    [
        ("pending", "pending", ""),
        ("assigned", "assigned", ""),
        ("completed", "completed", ""),
        ("failed", "failed", ""),
        ("canceled", "failed", "canceled"),
        ("rejected", "failed", "rejected"),
        ("input_required", "assigned", ""),
    ],
)
def test_every_state_is_one_of_the_described_four(state: Any, seen: str, code: str):
    task = shown(t.Task("t", state))
    assert (task.state, task.code, bool(task.error)) == (seen, code, bool(code))


def test_the_described_states_cover_ours():
    assert {shown(t.Task("t", state)).state for state in t.STATES} == {  # type: ignore[arg-type]
        "pending",
        "assigned",
        "completed",
        "failed",
    }


async def test_a_canceled_task_ends_the_wait_of_a_described_client(registry: RegistryHarness):
    asker = await member(registry, "asker")
    made = (await asker.ask("POST", "/api/hub/tasks", {"skill": "x"})).json["task_id"]
    await asker.ask("POST", f"/api/tasks/{made}/cancel", {})
    seen = (await asker.ask("GET", f"/api/hub/tasks/{made}")).json
    assert (seen["state"], seen["code"]) == ("failed", "canceled") and seen["error"]
    assert (await asker.ask("GET", f"/api/tasks/{made}")).json["state"] == "canceled"


async def test_what_has_no_body_is_shown_as_the_described_empty_values(desk: Desk):
    desk.online(BOB)
    await desk.submit(ALICE, ttl=0.5)
    await desk.tasks.complete(BOB, done(await desk.pushed(BOB), b"null"))
    [task] = await desk.described.all(by(OWNER), t.QueryAll())
    assert (bytes(task.payload), bytes(task.result), task.ttl) == (b'{"data":"hello"}', b'""', 1)
    sealed = shown(t.Task("t", "failed", payload=t.Body(sealed=PLAIN)))
    assert msgspec.json.encode(sealed.payload) == b"null"
