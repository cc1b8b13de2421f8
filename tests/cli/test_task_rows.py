"""Tasks as rows."""

import msgspec
import pytest

from chatixia.cli.task_rows import body, everything, line, progress
from chatixia.errors import WireError
from chatixia.wire.tasks import Body, Task

TASK = Task("t_" + "a" * 26, "completed", "fold", "bob", "anna", "bo-2", created_at=40.0)


def shown(task: Task) -> dict[str, tuple[str, str]]:
    return {label: (text, note) for label, text, note in everything(task) if text or note}


def test_a_row():
    assert line(TASK, 100.0) == (TASK.id, "completed", "fold", "anna", "bo-2", "1 min")


def test_all_about_one():
    plain = Body(plain=msgspec.Raw(b'{"n":1}'))
    found = shown(
        msgspec.structs.replace(TASK, result=plain, payload=plain, attempt=1, updated_at=44.0)
    )
    assert found["task"] == (TASK.id, "queue, plain")
    assert found["state"] == ("completed", "attempt 1 of 3")
    assert found["arguments"][0] == found["result"][0] == '{"n":1}'
    assert (found["from"][0], found["to"][0], found["worker"][0]) == ("anna", "bob", "bo-2")
    assert found["ended"][1] == "after 4 s"
    assert found["deadline"][0] and found["deadline"][1] == ""
    assert "priority" not in found and "next try" not in found


def test_one_that_waits():
    waits = msgspec.structs.replace(
        TASK,
        state="pending",
        attempt=1,
        ttl=100.0,
        deadline_ms=90_000,
        run_after=57.0,
        priority=5,
        target_agent_id="",
        assigned_agent_id="",
    )
    found = shown(waits)
    assert found["next try"][0] == "in 7 s"
    assert found["deadline"][1] == "in 2 min"
    assert found["to"][0] == "any agent with the skill"
    assert found["priority"][0] == "5"


def test_an_error_is_shown():
    task = msgspec.structs.replace(TASK, state="failed", error=WireError("expired", "Too late."))
    assert shown(task)["error"][0] == "expired: Too late."


def test_what_cannot_be_read_is_not_shown():
    assert body(None) == body(Body()) == ""
    assert body(Body(sealed=msgspec.Raw(b'"x"'))) == ""


@pytest.mark.parametrize(
    ("fraction", "note", "text"), [(None, "", ""), (0.7, "", "70 %"), (0.7, "x", "70 %, x")]
)
def test_progress(fraction, note, text):
    assert progress(fraction, note) == text
