"""What becomes of a skill's exception: the caller gets a type, this agent's own log the place.

A MeshError goes back as itself; where a call that the skill made raised it (``by_call``), nobody
can say that nothing happened. What the author raised as a SkillFailed, or a class of it, reaches
the caller with class and message; anything else as ``skill_failed`` with skill and type. Its text
may hold a secret or a path, so it stays out of the answer, and out of the log but at debug level
(trust.md section 4).
"""

from __future__ import annotations

import logging
from asyncio import CancelledError, current_task
from pathlib import Path
from types import TracebackType
from typing import Final

from chatixia.client.value import Unwritable
from chatixia.errors import MAX_SENTENCE, MeshError, SkillFailed

log = logging.getLogger("chatixia.agent")

_PACKAGE: Final = str(Path(__file__).parent.parent)


def failure(agent: str, skill: str, error: BaseException) -> MeshError:
    """The answer of a call whose ``skill`` of ``agent`` raised ``error``; logs where it did.

    Whatever a skill raised is its answer, classes below BaseException alone (the panic of an
    extension) and `exit()` included. Raises ``error`` itself where it is no skill's: the request is
    being cancelled, or the loop ends.
    """
    if is_an_end(error):
        raise error
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, MeshError):
        if error.by_call and not isinstance(error, SkillFailed):
            # Whoever took it for a refusal of the skill itself would do the work again elsewhere.
            error.outcome = "unknown"
        return _by_its_author(error)
    report(skill, error)
    if isinstance(error, Unwritable):
        return SkillFailed(f"The result of {skill} cannot be sent: {error}.", agent=agent)
    kind = type(error).__name__
    return SkillFailed(
        f"The skill {skill} of {agent} failed with {kind}; see the agent's log.", agent=agent
    )


def _by_its_author(error: MeshError) -> MeshError:
    """``error`` as the wire can carry it: a class of the author's own is named in the message."""
    kind = type(error)
    if isinstance(error, SkillFailed) and kind is not SkillFailed:
        error.message = f"{kind.__name__}: {error.message}"[:MAX_SENTENCE]
    return error


def is_an_end(error: BaseException) -> bool:
    """Whether ``error`` ends the request or the loop, and nothing that a skill raised."""
    if isinstance(error, CancelledError):
        task = current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, KeyboardInterrupt | GeneratorExit)


def report(skill: str, error: BaseException) -> None:
    """One line in the agent's log: what raised, and where; at debug level the traceback."""
    more = "" if log.isEnabledFor(logging.DEBUG) else "; -vv shows the traceback"
    log.warning("%s failed with %s%s%s", skill, type(error).__name__, _at(error), more)
    log.debug("%s raised", skill, exc_info=error)


def _at(error: BaseException) -> str:
    """The deepest line in the file of the skill itself, below our frames and above a library's."""
    frames = [step for step in _steps(error.__traceback__) if not _file(step).startswith(_PACKAGE)]
    if not frames:
        return ""
    place = [step for step in frames if _file(step) == _file(frames[0])][-1]
    code = place.tb_frame.f_code
    return f" at {code.co_filename}:{place.tb_lineno} in {code.co_name}"


def _steps(trace: TracebackType | None) -> list[TracebackType]:
    steps = []
    while trace is not None:
        steps.append(trace)
        trace = trace.tb_next
    return steps


def _file(step: TracebackType) -> str:
    return step.tb_frame.f_code.co_filename
