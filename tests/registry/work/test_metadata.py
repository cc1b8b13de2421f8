"""What a viewer sees of a task says nothing that its submitter or worker wrote."""

from __future__ import annotations

import msgspec
import pytest

from chatixia.core.ports import Principal
from chatixia.errors import WireError
from chatixia.ids import AgentId
from chatixia.registry.work.metadata import visible
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.base import encode
from chatixia.wire.tasks import Body, Task
from tests.registry.browsers import browser_of

SECRET = "the words of somebody"


def person(role: str) -> Principal:
    return Principal(AgentId("hub~anna"), "person", role=role)


def task() -> Task:
    body = Body(msgspec.Raw(encode(SECRET)))
    error = WireError("skill_failed", SECRET)
    return Task("t_x", "failed", "fold", payload=body, result=body, error=error, note=SECRET)


def test_a_viewer_sees_metadata_alone():
    shown = visible(task(), person("viewer"))
    assert SECRET not in encode(shown).decode()
    assert (shown.id, shown.state, shown.skill) == ("t_x", "failed", "fold")
    assert shown.error and shown.error.code == "skill_failed"


@pytest.mark.parametrize("role", ["operator", "admin"])
def test_others_see_all(role: str):
    assert visible(task(), person(role)) == task()


async def test_no_route_shows_a_viewer_a_payload_and_an_operators_look_is_recorded(
    registry: RegistryHarness,
):
    operator = await browser_of(registry, "otto", "operator")
    viewer = await browser_of(registry, "vera", "viewer")
    made = await operator.call("POST", "/api/hub/tasks", {"skill": "fold", "payload": SECRET})
    task_id = made.json["task_id"]
    paths = (f"/api/tasks/{task_id}", f"/api/hub/tasks/{task_id}", "/api/hub/tasks/all")
    for path in (*paths, "/api/tasks", f"/api/tasks/{task_id}/watch"):
        answer = await viewer.call("GET", path)
        assert SECRET not in answer.body.decode(), path
        assert answer.status == (403 if path.endswith("watch") else 200), path
    for path in paths:
        assert SECRET in (await operator.call("GET", path)).body.decode(), path
    store = registry.running.store
    rows = await store.access.read("audit_first", {"limit": 100})
    assert len(rows) > 5
