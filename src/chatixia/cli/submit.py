"""Work left in the queue: what ``tasks submit``, ``tasks retry`` and ``call --no-wait`` share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .common import Console
from .output import nearest

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh
    from chatixia.wire.tasks import Task

DAY_S: Final = 86_400.0
"""A task's deadline unless said otherwise: ``client.mesh.TASK_S``, which help need not load."""


class Terms(NamedTuple):
    """How a task is submitted. ``key``: its idempotency key; ``deadline``: seconds from now;
    ``retry_of``: the task that it does again."""

    key: str = ""
    deadline: float = DAY_S
    priority: int = 0
    max_attempts: int = 3
    retry_of: str = ""


async def submit(
    mesh: Mesh, console: Console, agent: str, skill: str, args: Mapping[str, Any], terms: Terms
) -> None:
    """Put it in the queue and print its id; ``agent`` may be empty: any agent with the skill."""
    task = await mesh.submit(
        agent,
        skill,
        args,
        key=terms.key,
        deadline=terms.deadline,
        priority=terms.priority,
        max_attempts=terms.max_attempts,
        retry_of=terms.retry_of,
    )
    console.data("task", {"task": {"id": task.id, "agent": agent, "skill": skill}}, task.id)
    follow = f"chatixia tasks watch {task.id}{f' --mesh {console.mesh}' if console.mesh else ''}"
    console.say(f"  {agent or 'any agent'}, queue, plain; follow it with `{follow}`")


def check_arguments(skill: str, arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Refuse what the skill's schema does not take: the task would only fail later.

    Raises BadArguments. Left to the worker: what is inside a value, and every bound.
    """
    from chatixia.errors import BadArguments

    from .arguments import fits, kind_of
    from .schema_rows import type_of

    required, properties = schema.get("required"), schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    for name in required if isinstance(required, list) else ():
        if name not in arguments:
            raise BadArguments(f"{skill}: the argument {name} is missing.")
    for name, value in arguments.items():
        part = properties.get(name)
        if name not in properties and schema.get("additionalProperties") is False:
            near = nearest(name, properties)
            raise BadArguments(f"{skill}: there is no argument {name}.{near}")
        if isinstance(part, Mapping) and not fits(value, part, schema):
            wanted = type_of(part, schema)
            raise BadArguments(f"{skill}: {name}: expected {wanted}, got {kind_of(value)}.")


async def again(mesh: Mesh, console: Console, row: Task, deadline: float) -> None:
    """Submit what an ended task was, as a new task. Raises Conflict, BadRequest."""
    import msgspec

    from chatixia.errors import BadRequest, Conflict
    from chatixia.wire.tasks import TERMINAL

    if row.state not in TERMINAL:
        raise Conflict(f"The task is {row.state}; it can be tried again when it has ended.")
    plain = row.payload.plain
    args = msgspec.json.decode(plain) if isinstance(plain, msgspec.Raw) else None
    if not isinstance(args, dict):
        raise BadRequest("The task's payload is not an object of arguments; submit a new task.")
    terms = Terms("", deadline, row.priority, row.max_attempts, row.id)
    await submit(mesh, console, row.target_agent_id, row.skill, args, terms)
