"""``chatixia tasks cancel --from NAME --all``: all that one submitter has queued ends, in steps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from chatixia.core.task import party
from chatixia.errors import Conflict, NotFound, Overloaded
from chatixia.wire.registry import Serial
from chatixia.wire.tasks import Cancel, Query

from .output import nearest

if TYPE_CHECKING:
    from chatixia.client.mesh import Mesh

    from .common import Console

STEP: Final = 200
"""Tasks that are looked at in one step of ``cancel --all``."""
AT_ONCE: Final = 16
"""Cancellations under way at a time."""


async def end_all(mesh: Mesh, console: Console, source: str, reason: str) -> None:
    """Cancel what ``source`` (or a client of that machine) submitted and has not ended, in steps.

    Each step says how far it is, so that breaking off loses only what was not reached. Raises
    NotFound for a name that nobody has and no task is from.
    """
    ended = matched = 0
    for state in ("pending", "assigned"):
        cursor = ""
        while True:
            page = await mesh.verb("tasks.list", Query(state, cursor=cursor, limit=STEP))
            named = (source, f"{source}~")
            submitted = [task.id for task in page.tasks if party(task.source_agent_id) in named]
            matched += len(submitted)
            for start in range(0, len(submitted), AT_ONCE):
                some = submitted[start : start + AT_ONCE]
                ended += sum(await asyncio.gather(*(_end_one(mesh, id, reason) for id in some)))
            if submitted:
                console.say(f"  {ended} canceled")
            if not (cursor := page.next):
                break
    if not matched:
        await _check_submitter(mesh, source)
    console.data("canceled", {"canceled": ended}, f"{ended} tasks from {source} canceled")


async def _check_submitter(mesh: Mesh, source: str) -> None:
    """Raise NotFound where neither a task nor a member nor an API key has that name."""
    if (await mesh.verb("tasks.list", Query(agent=source, limit=1))).tasks:
        return
    name = source.partition("~")[0]
    entry: Serial = await mesh.verb("serial", Serial(name))
    if not (entry.key or entry.serial or entry.revoked or entry.api_key):
        agents = [record.agent_id for record in await mesh.agents()]
        raise NotFound(
            f"No agent or machine called {source} is in the mesh.{nearest(source, agents)}"
            " See who submitted what with `chatixia tasks`."
        )


async def _end_one(mesh: Mesh, task_id: str, reason: str) -> bool:
    """Whether this ended it; one that has ended by itself is fine."""
    while True:
        try:
            done = await mesh.verb("tasks.cancel", Cancel(task_id, reason))
        except (Conflict, NotFound):
            return False
        except Overloaded as busy:
            await asyncio.sleep(busy.retry_after or 1.0)
        else:
            return not done.duplicate
