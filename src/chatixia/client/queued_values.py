"""Values with artifacts as tasks of the queue carry them: the bytes of the artifacts inside."""

from __future__ import annotations

from typing import Any

from chatixia.core.queued_artifacts import check_sizes, pack, unpack
from chatixia.errors import TooLarge
from chatixia.wire.artifacts import MAX_ENTRIES

from .artifact import Artifact
from .value import decode_with


async def packed(value: bytes, artifacts: tuple[Artifact, ...]) -> bytes:
    """JSON ``value`` with its artifacts. Raises TooLarge, Conflict, NotFound."""
    if len(artifacts) > MAX_ENTRIES:
        raise TooLarge(f"A message carries at most {MAX_ENTRIES} artifacts.")
    check_sizes(artifact.size for artifact in artifacts)
    return pack(value, tuple([await artifact.source.inline() for artifact in artifacts]))


def unpacked(data: bytes) -> Any:
    """The value of a task, its artifacts in their places. Raises BadRequest."""
    value, table = unpack(data)
    return decode_with(value, tuple(Artifact.inline(info) for info in table))
