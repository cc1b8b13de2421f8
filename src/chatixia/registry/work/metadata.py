"""A task as a viewer sees it: who, whom, which skill, when, how much and how it ended."""

from __future__ import annotations

from msgspec.structs import replace

from chatixia.core.ports import Principal
from chatixia.errors import TABLE, WireError
from chatixia.registry.roles import reads_content
from chatixia.wire.tasks import Body, Task


def visible(task: Task, principal: Principal) -> Task:
    """``task``, without what its submitter and worker wrote if that is not for ``principal``."""
    if reads_content(principal):
        return task
    return replace(task, payload=Body(), result=None, error=_coded(task.error), note="")


def _coded(error: WireError | None) -> WireError | None:
    """An error by its code: the sentence may quote what came in."""
    if error is None:
        return None
    kind = TABLE.get(error.code)
    return replace(error, message=kind.sentence if kind else error.code)
