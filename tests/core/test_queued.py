"""A call as a task of the queue, and what the end of a task means."""

from __future__ import annotations

import msgspec
import pytest

from chatixia.core.ports import Outgoing
from chatixia.core.queued import call_error, submission, task_error, task_value
from chatixia.errors import Cancelled, DeadlineExceeded, Expired, Rejected, SkillFailed, Unreachable
from chatixia.wire.base import encode
from chatixia.wire.tasks import MAX_TTL_MS, Body, Task


def ended(state: str, deliveries: int = 1, **fields: object) -> Task:
    return Task("t", state, "echo", "bob", "ann", deliveries=deliveries, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (ended("canceled"), Cancelled),
        (ended("rejected"), Rejected),
        (ended("failed"), SkillFailed),
        (ended("failed", error=SkillFailed("Broke.").to_wire()), SkillFailed),
        (ended("canceled", error=Cancelled("Why not.").to_wire()), Cancelled),
    ],
)
def test_one_row_is_one_error_for_a_task_and_for_a_call(row, kind):
    for error in (task_error(row), call_error(row)):
        assert type(error) is kind
        assert (error.agent, error.via) == ("bob", "queue, plain")


def test_a_call_whose_time_is_over_says_whether_anybody_had_it():
    late = ended("failed", deliveries=0, error=Expired().to_wire())
    assert type(task_error(late)) is Expired
    error = call_error(late)
    assert type(error) is Unreachable and error.outcome == "definite" and error.agent == "bob"
    begun = ended("failed", error=Expired().to_wire(), assigned_agent_id="eve")
    error = call_error(begun)
    assert type(error) is DeadlineExceeded and error.agent == "eve"


def test_a_value_is_json_and_null_where_there_is_none():
    assert task_value(ended("completed")) == b"null"
    row = ended("completed", result=Body(plain=msgspec.Raw(b'{"a":1}')))
    assert task_value(row) == b'{"a":1}'


def test_a_submission_has_all_that_the_call_has():
    call = Outgoing(
        "bob", "echo", b'{"n":1}', idempotent=True, path=("ann",), traceparent="00-" + "a" * 32
    )
    task = submission(call, "id", "key", 2.5)
    assert (task.id, task.key, task.deadline_ms, task.max_attempts) == ("id", "key", 2500, 3)
    assert (task.skill, task.target_agent_id, task.path) == ("echo", "bob", ["ann"])
    assert task.traceparent == call.traceparent and task.idempotent
    assert encode(task.payload) == b'{"plain":{"n":1}}'
    assert submission(call, "id", "key", 0.0).deadline_ms == 1
    assert submission(call, "id", "key", 1e12).deadline_ms == MAX_TTL_MS
