"""``chatixia tasks``: the work in the registry's queue; list, show, watch and cancel it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from chatixia.cli import output
from chatixia.cli.common import Noun, Talk, common, in_mesh, in_queue

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh
    from chatixia.wire.tasks import Query, Task

HEADS = ("task", "state", "skill", "from", "to", "age")


@click.group(cls=Noun)
def tasks() -> None:
    """List, show, watch and cancel queued work; alone it lists."""


@tasks.command("list")
@click.option("--state", default="", metavar="STATE", help="Only tasks in this state.")
@click.option("--skill", default="", metavar="NAME", help="Only tasks of this skill.")
@click.option("--agent", default="", metavar="NAME", help="Only tasks from or to this agent.")
@click.option("-n", "limit", default=50, type=click.IntRange(1, 200), help="At most; 50.")
@click.option("--cursor", default="", metavar="NEXT", help="Go on where a list said so.")
@common
def list_(talk: Talk, state: str, skill: str, agent: str, limit: int, cursor: str) -> None:
    """List tasks, the newest first."""
    from chatixia.wire.tasks import Query

    query = Query(state, skill, agent, cursor, limit)
    in_queue(talk, lambda mesh: show_list(mesh, talk, query))


@tasks.command()
@click.argument("task_id", metavar="TASK")
@common
def show(talk: Talk, task_id: str) -> None:
    """Show one task with its result or error."""
    in_queue(talk, lambda mesh: show_one(mesh, talk, task_id))


@tasks.command()
@click.argument("task_id", metavar="TASK")
@click.option("--reason", default="", metavar="TEXT", help="Why; shown with the task.")
@common
def cancel(talk: Talk, task_id: str, reason: str) -> None:
    """Cancel a task, at once and for good."""
    in_queue(talk, lambda mesh: end(mesh, talk, task_id, reason))


@tasks.command()
@click.argument("task_id", metavar="TASK")
@common
def watch(talk: Talk, task_id: str) -> None:
    """Follow a task until it ends."""
    if not in_mesh(talk, lambda mesh: follow_mine(mesh, talk, task_id)):
        in_queue(talk, lambda mesh: follow(mesh, talk, task_id))


async def show_list(mesh: Mesh, talk: Talk, query: Query) -> None:
    """One page of the list."""
    from chatixia.errors import BadRequest
    from chatixia.wire.registry import Nothing
    from chatixia.wire.tasks import STATES

    if query.state and query.state not in STATES:
        raise BadRequest(f"{query.state} is no state; use {', '.join(STATES)}.")
    page = await mesh.verb("tasks.list", query)
    now = (await mesh.verb("status", Nothing())).now if page.tasks else 0.0
    lines = [line(task, now) for task in page.tasks]
    fields = {"tasks": page.tasks, "counts": page.counts, "next": page.next}
    talk.data("tasks", fields, output.table(HEADS, lines) if lines else "")
    if not lines:
        talk.say("  No task here.")
    if page.next:
        talk.say(f"  There are more: --cursor {output.word(page.next)}")


def line(task: Task, now: float) -> tuple[str, ...]:
    """A task as a row of the list."""
    to = task.assigned_agent_id or task.target_agent_id or "any"
    age = output.since(now - task.created_at)
    return task.id, task.state, task.skill or "-", task.source_agent_id or "-", to, age


async def show_one(mesh: Mesh, talk: Talk, task_id: str) -> None:
    """Everything about one task."""
    talk_of(talk, await mesh.task(task_id).row())


def talk_of(talk: Talk, task: Task) -> None:
    """Print a task's row."""
    error = f"{task.error.code}: {task.error.message}" if task.error else ""
    result = bytes(task.result.plain).decode() if task.result and task.result.plain else ""
    rows: list[output.Row] = [
        ("task", task.id, f"queue, {'sealed' if task.sealed else 'plain'}"),
        ("state", task.state, f"attempt {task.attempt} of {task.max_attempts}"),
        ("skill", task.skill, ""),
        ("from", task.source_agent_id, ""),
        ("to", task.assigned_agent_id or task.target_agent_id or "any", ""),
        ("progress", progress_of(task.progress, task.note), ""),
        ("error", output.in_line(error), ""),
        ("result", output.in_line(result), ""),
    ]
    talk.data("task", {"task": task}, output.rows(rows))


async def end(mesh: Mesh, talk: Talk, task_id: str, reason: str) -> None:
    """Cancel, and print the state that it led to."""
    state = await mesh.task(task_id).cancel(reason)
    talk.data("task", {"task": {"id": task_id, "state": state}}, f"{task_id} {state}")


async def follow_mine(mesh: Mesh, talk: Talk, task_id: str) -> bool:
    """Follow it as a client, to whom all is pushed; False if it is not this machine's to read."""
    from chatixia.errors import Denied

    try:
        await mesh.task(task_id).row()
    except Denied:
        return False
    await follow(mesh, talk, task_id)
    return True


async def follow(mesh: Mesh, talk: Talk, task_id: str) -> None:
    """Print its progress as it comes, then its end; its own error is the command's."""
    task = mesh.task(task_id)
    async for step in task.progress():
        item: Any = step.item
        text = output.value(item) if item is not None else progress_of(step.fraction, step.note)
        fields = {"fraction": step.fraction, "note": step.note, "item": item}
        talk.data("progress", fields, text)
    row = await task.ended()
    talk_of(talk, row)
    if row.state != "completed":
        from chatixia.client.task import why

        raise why(row)


def progress_of(fraction: float | None, note: str) -> str:
    """``70 %, merging``; nothing if nothing was told."""
    share = "" if fraction is None else f"{fraction * 100:.0f} %"
    return ", ".join(part for part in (share, output.in_line(note)) if part)
