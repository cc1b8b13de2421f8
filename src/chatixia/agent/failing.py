"""What is told when a skill raises: the asker gets a type, this agent's own log the place.

A MeshError goes back as itself; anything else as ``skill_failed`` with the skill and the type of
the exception. Its text may hold a secret or a path, so it stays out of the answer, and out of the
log but at debug level (trust.md section 4).
"""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType
from typing import Final

from chatixia.client.value import Unwritable
from chatixia.errors import MeshError, SkillFailed

log = logging.getLogger("chatixia.agent")

RAISED: Final = (Exception, SystemExit)
"""What of a skill's becomes its answer. `exit()` in a skill must not end an agent that others use;
cancelling and Ctrl-C are not the skill's."""

_OURS: Final = str(Path(__file__).parent.parent)


def failure(agent: str, skill: str, error: BaseException) -> MeshError:
    """What the asker is told when ``skill`` of ``agent`` raised ``error``; logs where it did."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, MeshError):
        return error
    report(skill, error)
    if isinstance(error, Unwritable):
        return SkillFailed(f"The result of {skill} cannot be sent: {error}.", agent=agent)
    kind = type(error).__name__
    return SkillFailed(f"The skill {skill} of {agent} failed with {kind}.", agent=agent)


def report(skill: str, error: BaseException) -> None:
    """One line in the agent's log: what raised, and where; at debug level the traceback."""
    more = "" if log.isEnabledFor(logging.DEBUG) else "; -vv shows the traceback"
    log.warning("%s failed with %s%s%s", skill, type(error).__name__, _at(error), more)
    log.debug("%s raised", skill, exc_info=error)


def _at(error: BaseException) -> str:
    """The deepest line in the file of the skill itself, below our frames and above a library's."""
    frames = [step for step in _steps(error.__traceback__) if not _file(step).startswith(_OURS)]
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
