"""What several tries of one act amount to (tasks.md section 3). Pure.

After a try whose outcome is unknown no later one makes it definite: the act was perhaps done, and
only an answer tells.
"""

from __future__ import annotations

from chatixia.errors import DeadlineExceeded, MeshError, SkillFailed

from .route import copy


class RetryHistory:
    """The tries of one act under one key, as far as they failed."""

    __slots__ = ("_doubt",)

    def __init__(self) -> None:
        self._doubt: MeshError | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether one of them may have done it."""
        return self._doubt is not None

    def failed(self, error: MeshError) -> MeshError:
        """Note how a try ended; gives what the act ends with if no other try follows.

        That is ``error`` unless an earlier try was unknown: then the earlier error, or where the
        skill itself failed at the later try, that one with the outcome unknown.
        """
        error.by_call = True
        if error.outcome == "unknown":
            self._doubt = error
            return error
        if self._doubt is None:
            return error
        ended = copy(error if isinstance(error, SkillFailed) else self._doubt)
        ended.outcome = "unknown"
        ended.__cause__ = error
        return ended


def may_repeat(error: MeshError) -> bool:
    """Whether the same act under the same key may be tried again after ``error``, and could end
    otherwise."""
    return error.retryable or error.outcome == "unknown" or isinstance(error, DeadlineExceeded)
