"""How an artifact stands in JSON: ``{"$artifact": n}``, with ``n`` its place in the table that
travels beside. What is gathered and read belongs to one encoding or decoding, in one thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chatixia.wire.artifacts import REFERENCE

Artifact = Any
"""``client.artifact.Artifact``, which imports this file."""


class _State(threading.local):
    gathered: list[Artifact] | None = None
    arrivals: Sequence[Artifact] = ()
    met = False


_state = _State()


@contextmanager
def gathering() -> Iterator[list[Artifact]]:
    """Artifacts that are written inside go to the list, each once."""
    before, _state.gathered = _state.gathered, []
    try:
        yield _state.gathered
    finally:
        _state.gathered = before


@contextmanager
def reading(arrivals: Sequence[Artifact]) -> Iterator[None]:
    """References that are read inside stand for ``arrivals``."""
    before, _state.arrivals = _state.arrivals, arrivals
    try:
        yield
    finally:
        _state.arrivals = before


def met() -> bool:
    """Whether an artifact was met since the last question that could not be written."""
    was_met, _state.met = _state.met, False
    return was_met


def write(artifact: Artifact) -> dict[str, int]:
    """What stands for it in JSON. Raises TypeError where nothing is gathered."""
    gathered = _state.gathered
    if gathered is None:
        _state.met = True
        raise TypeError("an Artifact cannot be written as JSON; it travels in a call, or is saved")
    for n, other in enumerate(gathered):
        if other is artifact:
            return {REFERENCE: n}
    gathered.append(artifact)
    return {REFERENCE: len(gathered) - 1}


def find(value: Any) -> Artifact | None:
    """The artifact that a JSON value stands for in what is read now, if it is one."""
    if isinstance(value, dict) and len(value) == 1:
        n = value.get(REFERENCE)
        if type(n) is int and 0 <= n < len(_state.arrivals):
            return _state.arrivals[n]
    return None


def read(value: Any) -> Artifact:
    """The same, for where nothing else may stand. Raises ValueError."""
    artifact = find(value)
    if artifact is None:
        raise ValueError("expected an artifact")
    return artifact
