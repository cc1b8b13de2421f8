"""How a task looks: as a row of a list, and with all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import output

if TYPE_CHECKING:
    from chatixia.wire.tasks import Body, Task

HEADS = ("task", "state", "skill", "from", "to", "age")


def line(task: Task, now: float) -> tuple[str, ...]:
    """A task as a row of the list. ``now``: mesh time."""
    to = task.assigned_agent_id or task.target_agent_id or "any"
    age = output.since(now - task.created_at)
    return task.id, task.state, task.skill or "-", task.source_agent_id or "-", to, age


def everything(task: Task) -> list[output.Row]:
    """All that is known of one task."""
    error = f"{task.error.code}: {task.error.message}" if task.error else ""
    return [
        ("task", task.id, f"queue, {'sealed' if task.sealed else 'plain'}"),
        ("state", task.state, f"attempt {task.attempt} of {task.max_attempts}"),
        ("retry of", task.retry_of, ""),
        ("skill", output.in_line(task.skill), ""),
        ("arguments", output.in_line(body(task.payload)), ""),
        ("from", output.in_line(task.source_agent_id), ""),
        ("to", task.target_agent_id or "any agent with the skill", ""),
        ("worker", task.assigned_agent_id, ""),
        *times(task),
        ("priority", str(task.priority) if task.priority else "", ""),
        ("progress", progress(task.progress, task.note), ""),
        ("error", output.in_line(error), ""),
        ("result", output.in_line(body(task.result)), ""),
    ]


def times(task: Task) -> list[output.Row]:
    """When it was submitted, changed last, and must be done."""
    from chatixia.wire.tasks import TERMINAL

    if not task.created_at:
        return []  # of a mesh in memory
    over = task.state in TERMINAL
    moved = over or task.updated_at - task.created_at >= 1
    took = output.since(task.updated_at - task.created_at)
    left = task.deadline_ms / 1000
    # What is left was counted at the registry when it answered: so its own time is known here.
    pause = task.run_after - (task.created_at + task.ttl - left)
    waits = task.state == "pending" and task.attempt > 0 and pause > 0
    return [
        ("submitted", output.moment(task.created_at), ""),
        (
            "ended" if over else "changed",
            output.moment(task.updated_at) if moved else "",
            f"after {took}" if moved else "",
        ),
        ("next try", f"in {output.since(pause)}" if waits else "", ""),
        (
            "deadline",
            output.moment(task.created_at + task.ttl),
            "" if over else f"in {output.since(left)}",
        ),
    ]


def body(content: Body | None) -> str:
    """The JSON of arguments or of a result; empty if there is none, or it is sealed."""
    import msgspec

    plain: Any = content.plain if content is not None else None
    return bytes(plain).decode(errors="replace") if isinstance(plain, msgspec.Raw) else ""


def progress(fraction: float | None, note: str) -> str:
    """``70 %, merging``; nothing if nothing was told."""
    share = "" if fraction is None else f"{fraction * 100:.0f} %"
    return ", ".join(part for part in (share, output.in_line(note)) if part)
