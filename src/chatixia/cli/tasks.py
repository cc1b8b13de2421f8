"""``chatixia tasks``: the work in the registry's queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import output
from .common import Console, Noun, common, in_mesh, in_queue
from .events import EventPrinter
from .submit import DAY_S, Terms, again
from .task_rows import HEADS, everything, line, progress

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh
    from chatixia.wire.tasks import Query, Task

MAX_CANDIDATES = 5
"""Tasks that are named where the beginning of an id fits several."""


@click.group(cls=Noun)
def tasks() -> None:
    """List, show, watch, submit, retry and cancel queued work. Without a command, list it.

    TASK is an id, or the beginning of one that no other task shares.
    """


@tasks.command("list")
@click.option("--state", default="", metavar="STATE", help="Only tasks in this state.")
@click.option("--skill", default="", metavar="NAME", help="Only tasks of this skill.")
@click.option("--agent", default="", metavar="NAME", help="Only tasks from or to this agent.")
@click.option(
    "-n", "limit", default=50, type=click.IntRange(1, 200), help="At most that many, default 50."
)
@click.option("--cursor", default="", metavar="NEXT", help="Continue a list from its cursor.")
@common
def list_(console: Console, state: str, skill: str, agent: str, limit: int, cursor: str) -> None:
    """List tasks, the newest first."""
    from chatixia.wire.tasks import Query

    query = Query(state, skill, agent, cursor, limit)
    in_queue(console, lambda mesh: show_list(mesh, console, query))


@tasks.command()
@click.argument("task_id", metavar="TASK")
@common
def show(console: Console, task_id: str) -> None:
    """Show one task: arguments, worker, times, result or error."""
    in_queue(console, lambda mesh: show_one(mesh, console, task_id))


@tasks.command()
@click.argument("task_id", metavar="TASK", required=False, default="")
@click.option("--from", "source", default="", metavar="NAME", help="Tasks that NAME submitted.")
@click.option("--all", "all_", is_flag=True, help="With --from: all that have not ended.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept with the task.")
@common
def cancel(console: Console, task_id: str, source: str, all_: bool, reason: str) -> None:
    """Cancel a task, or all tasks of one submitter, at once and for good."""
    from chatixia.errors import BadRequest

    from .cancel import end_all

    if bool(task_id) == bool(source) or bool(source) != all_:
        raise BadRequest("Name a task, or use --from NAME --all.")
    if source:
        in_queue(console, lambda mesh: end_all(mesh, console, source, reason))
    else:
        in_queue(console, lambda mesh: end(mesh, console, task_id, reason))


@tasks.command()
@click.argument("task_id", metavar="TASK")
@common
def watch(console: Console, task_id: str) -> None:
    """Follow a task until it ends."""
    if not in_mesh(console, lambda mesh: follow_as_client(mesh, console, task_id)):
        in_queue(console, lambda mesh: follow(mesh, console, task_id))


@tasks.command()
@click.argument("words", nargs=-1, required=True, metavar="AGENT SKILL [ARGUMENT]...")
@click.option("--any", "anyone", is_flag=True, help="Any agent with SKILL; give no AGENT then.")
@click.option("--key", default="", metavar="TEXT", help="Idempotency key: one task for each.")
@click.option(
    "--deadline", default=DAY_S, metavar="SECONDS", help="Time until it expires, default a day."
)
@click.option(
    "--priority", default=0, type=click.IntRange(-100, 100), help="Higher goes first, default 0."
)
@click.option(
    "--max-attempts", default=3, type=click.IntRange(1, 20), help="Tries at most, default 3."
)
@common
def submit(
    console: Console,
    words: tuple[str, ...],
    anyone: bool,
    key: str,
    deadline: float,
    priority: int,
    max_attempts: int,
) -> None:
    """Put work for AGENT into the queue and print the task's id.

    It waits there until AGENT takes it, even while neither side is online. ARGUMENT is as for
    `chatixia call`.
    """
    from .call import TypedCall, contents, perform

    agent, *rest = ("", *words) if anyone else words
    if not rest:
        raise click.UsageError("Name an agent and a skill: chatixia tasks submit AGENT SKILL.")
    skill, *arguments = rest
    terms = Terms(key, deadline, priority, max_attempts)
    read = contents(agent, skill, arguments).__getitem__
    request = TypedCall(agent, skill, arguments, 30.0, False, "only", read, terms)
    in_mesh(console, lambda mesh: perform(mesh, console, request))


@tasks.command()
@click.argument("task_id", metavar="TASK")
@click.option(
    "--deadline", default=DAY_S, metavar="SECONDS", help="Time until it expires, default a day."
)
@common
def retry(console: Console, task_id: str, deadline: float) -> None:
    """Submit an ended task again, as a new task, and print its id."""
    row = in_queue(console, lambda mesh: row_of(mesh, task_id))
    in_mesh(console, lambda mesh: again(mesh, console, row, deadline))


async def row_of(mesh: Mesh, beginning: str) -> Task:
    """The task whose id begins so."""
    return await mesh.task(await id_of(mesh, beginning)).row()


async def id_of(mesh: Mesh, beginning: str) -> str:
    """The one id that begins so. Raises NotFound, or BadRequest naming the candidates."""
    from chatixia.errors import BadRequest, NotFound
    from chatixia.ids import is_task_id
    from chatixia.wire.tasks import Query

    text = beginning if beginning.startswith("t_") else f"t_{beginning}"
    if is_task_id(text):
        return text
    if not is_task_id(f"{text}{'a' * 28}"[:28]) or len(text) > 28:
        mesh.task(beginning)  # says what an id looks like
    page = await mesh.verb("tasks.list", Query(id=text, limit=MAX_CANDIDATES + 1))
    # An older registry passes over `id` and lists all.
    ids: list[str] = [task.id for task in page.tasks if task.id.startswith(text)]
    if not ids:
        raise NotFound(f"No task's id begins with {text}; see `chatixia tasks`.")
    if len(ids) > 1:
        more = ", ..." if len(ids) > MAX_CANDIDATES else ""
        names = ", ".join(ids[:MAX_CANDIDATES])
        raise BadRequest(f"Several ids begin with {text}: {names}{more}. Give more characters.")
    return ids[0]


async def show_list(mesh: Mesh, console: Console, query: Query) -> None:
    """One page of the list."""
    from chatixia.errors import BadRequest
    from chatixia.wire.registry import Nothing
    from chatixia.wire.tasks import STATES

    if query.state and query.state not in STATES:
        raise BadRequest(f"{query.state} is not a state; use {', '.join(STATES)}.")
    page = await mesh.verb("tasks.list", query)
    now = (await mesh.verb("status", Nothing())).now if page.tasks else 0.0
    lines = [line(task, now) for task in page.tasks]
    fields = {"tasks": page.tasks, "counts": page.counts, "next": page.next}
    console.data("tasks", fields, output.table(HEADS, lines) if lines else "")
    if not lines:
        console.say("  No tasks.")
    if page.next:
        console.say(f"  There are more: --cursor {output.word(page.next)}")


async def show_one(mesh: Mesh, console: Console, task_id: str) -> None:
    """Everything about one task."""
    print_task(console, await row_of(mesh, task_id))


def print_task(console: Console, task: Task) -> None:
    """Print a task's row."""
    console.data("task", {"task": task}, output.rows(everything(task)))


async def end(mesh: Mesh, console: Console, task_id: str, reason: str) -> None:
    """Cancel, and print the state that it led to."""
    whole = await id_of(mesh, task_id)
    state = await mesh.task(whole).cancel(reason)
    console.data("task", {"task": {"id": whole, "state": state}}, f"{whole} {state}")


async def follow_as_client(mesh: Mesh, console: Console, task_id: str) -> bool:
    """Follow it as a client, to whom all is pushed; False if it is not this machine's to read."""
    from chatixia.errors import Denied, NotFound

    try:
        row = await row_of(mesh, task_id)
    except (Denied, NotFound):
        return False
    await follow(mesh, console, row.id)
    return True


async def follow(mesh: Mesh, console: Console, task_id: str) -> None:
    """Print its progress as it comes, then its end; its own error is the command's."""
    task = mesh.task(await id_of(mesh, task_id))
    events = EventPrinter(console)
    async for step in task.progress():
        if step.event is not None:
            events.show(step.event)
            continue
        item: Any = step.item
        text = output.value(item) if item is not None else progress(step.fraction, step.note)
        fields = {"fraction": step.fraction, "note": step.note, "item": item}
        console.data("progress", fields, text)
    row = await task.ended()
    print_task(console, row)
    if row.state != "completed":
        from chatixia.core.queued import task_error

        raise task_error(row)
