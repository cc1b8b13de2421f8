"""Work that is left in the queue."""

from typing import Any

import msgspec
import pytest

from chatixia.cli import submit as module
from chatixia.cli.common import Console
from chatixia.client.mesh import TASK_S
from chatixia.errors import BadRequest, Conflict
from chatixia.wire.tasks import Body, Task


class Mesh:
    """Takes what is submitted."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    async def submit(self, *words: Any, **how: Any) -> Any:
        self.taken.append((words, how))
        return Task("t_new", "pending")


def ended(**more: Any) -> Task:
    given: dict[str, Any] = {
        "state": "failed",
        "payload": Body(plain=msgspec.Raw(b'{"n":1.0}')),
        "priority": 3,
        "max_attempts": 5,
        "skill": "fold",
        "target_agent_id": "bob",
    }
    return Task("t_old", **{**given, **more})


def test_a_task_has_a_day():
    assert module.Terms().deadline == TASK_S


async def test_again(capsys):
    mesh = Mesh()
    await module.again(mesh, Console(False, False, 0, "x"), ended(), 60.0)  # type: ignore[arg-type]
    how = {"key": "", "deadline": 60.0, "priority": 3, "max_attempts": 5, "retry_of": "t_old"}
    assert mesh.taken == [(("bob", "fold", {"n": 1.0}), how)]
    out, err = capsys.readouterr()
    assert out == "t_new\n"
    assert err == "  bob, queue, plain; follow it with `chatixia tasks watch t_new --mesh x`\n"


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (ended(state="assigned"), Conflict),
        (ended(payload=Body(plain=msgspec.Raw(b"[1]"))), BadRequest),
        (ended(payload=Body()), BadRequest),
    ],
)
async def test_what_cannot_be_tried_again(row: Task, kind: type[Exception]):
    mesh = Mesh()
    with pytest.raises(kind):
        await module.again(mesh, Console(False, False, 0, ""), row, 60.0)  # type: ignore[arg-type]
    assert mesh.taken == []
