"""Work that is left in the queue."""

from typing import Any

import msgspec
import pytest

from chatixia.cli import submit as module
from chatixia.cli.common import Console
from chatixia.client.mesh import TASK_S
from chatixia.errors import BadArguments, BadRequest, Conflict
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


SCHEMA = {
    "properties": {
        "city": {"type": "string"},
        "days": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "share": {"type": "number"},
        "unit": {"enum": ["c", "f"]},
        "deep": {"$ref": "#/$defs/Deep"},
        "any": {},
        "odd": True,
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"Deep": {"type": "object"}},
}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "forecast: the argument city is missing."),
        ({"city": 1}, "forecast: city: expected string, got integer."),
        ({"city": "a", "day": 1}, "there is no argument day. Did you mean days?"),
        ({"city": "a", "days": "two"}, "days: expected integer|null, got string."),
        ({"city": "a", "days": True}, "days: expected integer|null, got boolean."),
        ({"city": "a", "days": 1.5}, "got number."),
        ({"city": "a", "share": "x"}, "got string."),
        ({"city": "a", "unit": "k"}, "unit: expected c|f, got string."),
        ({"city": "a", "deep": [1]}, "deep: expected object, got array."),
    ],
)
def test_arguments_that_the_skill_does_not_take(arguments: dict[str, Any], sentence: str):
    with pytest.raises(BadArguments) as caught:
        module.check_arguments("forecast", arguments, SCHEMA)
    assert sentence in caught.value.message


def test_arguments_that_it_takes():
    taken = {"city": "a", "days": None, "share": 1, "unit": "f", "deep": {}, "any": [1], "odd": 2}
    module.check_arguments("forecast", taken, SCHEMA)
    module.check_arguments("forecast", {"city": "a", "days": 2.0, "share": 0.5}, SCHEMA)
    for foreign in ({}, {"required": 1, "properties": []}, {"properties": {"x": {}}}):
        module.check_arguments("forecast", {"what": "ever"}, foreign)
