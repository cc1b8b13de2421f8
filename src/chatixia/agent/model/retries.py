"""What follows when a request to a model failed: the same again, the next model, or the end."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from chatixia.errors import ModelFailed

MAX_RETRIES: Final = 3
"""Of one request to one model."""
FIRST_WAIT: Final = 0.5
PATIENCE: Final = 30.0
"""Seconds; who asks for a longer wait than this is left for the fallback, where there is one."""


class Step(msgspec.Struct, frozen=True):
    """``wait``: seconds before it."""

    kind: Literal["retry", "fallback", "fail"]
    wait: float = 0.0


def next_step(
    error: ModelFailed, tries: int, left: float, *, fallback: bool, streamed: bool, jitter: float
) -> Step:
    """What follows ``error`` after ``tries`` retries, ``left`` seconds before the deadline.

    ``fallback``: whether there is a next model. ``streamed``: whether a part of the answer has
    reached the asker; then the next model is asked at once. ``jitter``: in [0, 1).
    """
    otherwise = Step("fallback" if fallback else "fail")
    if not error.retryable or tries >= MAX_RETRIES or (streamed and fallback):
        return otherwise
    wait = max(error.retry_after, FIRST_WAIT * 2**tries * (1 + jitter))
    if wait >= left or (fallback and wait > PATIENCE):
        return otherwise
    return Step("retry", wait)
