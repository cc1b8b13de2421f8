"""A row as the API shows it, and when something happens to it by itself."""

from typing import Any

from chatixia.core import task as core
from chatixia.errors import WireError
from chatixia.store.control.task_rows import StoredTask, body, to_task
from chatixia.wire import tasks as t
from chatixia.wire.base import encode


def row(**changes: Any) -> StoredTask:
    base: dict[str, Any] = {
        "n": 1,
        "id": "t_a",
        "ns": "default",
        "state": "pending",
        "skill": "echo",
        "target": "",
        "source": "alice",
        "machine": "",
        "worker": "",
        "incarnation": "",
        "queue": "echo",
        "priority": 0,
        "turn": 0,
        "ready": 1,
        "attempt": 0,
        "max_attempts": 3,
        "deliveries": 0,
        "started": 0,
        "fence": 0,
        "created": 100.0,
        "updated": 100.0,
        "run_after": 0.0,
        "deadline": 400.0,
        "lease": 0.0,
        "ttl": 300.0,
        "idempotent": 0,
        "path": "",
        "traceparent": "",
        "size": 1,
        "error": None,
    }
    return StoredTask(**base | changes)


def test_when_it_is_due():
    assert row().due() == 400.0
    assert row(ready=0, run_after=150.0).due() == 150.0
    assert row(ready=0, run_after=900.0).due() == 400.0
    held = row(state="assigned", ready=0, lease=130.0)
    assert held.due() == 100.0 + core.UNSTARTED
    held.started = 1
    assert held.due() == 130.0
    held.lease = 900.0
    assert held.due() == 400.0


def test_it_shows_what_it_is():
    error = WireError("skill_failed", "it broke")
    shown = to_task(
        row(state="failed", fence=3, path='["a","b"]', error=encode(error), worker="bob"),
        7,
        150.0,
        b'{"x":1}',
        b"2",
    )
    assert (shown.fence, shown.path, shown.error) == ("7.3", ["a", "b"], error)
    assert (shown.deadline_ms, shown.assigned_agent_id) == (250_000, "bob")
    again = t.Task(**{name: getattr(shown, name) for name in shown.__struct_fields__})
    assert encode(again) == encode(shown)
    assert b'"payload":{"plain":{"x":1}}' in encode(shown)
    assert b'"result":{"plain":2}' in encode(shown)


def test_remaining_time_is_never_negative():
    assert to_task(row(), 1, 1000.0).deadline_ms == 0


def test_no_body_is_no_body():
    assert body(None) == t.Body()


def test_a_copy_is_another():
    first = row()
    second = first.copy()
    second.state = "assigned"
    assert first.state == "pending"
    assert first.concern().source == "alice"
    assert first.tries().max_attempts == 3
