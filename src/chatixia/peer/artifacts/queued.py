"""Artifacts over the queue: their bytes travel in the JSON of the task, for nothing can be pulled.

How that JSON looks is said by ``core.queued_artifacts``.
"""

from __future__ import annotations

from collections.abc import Sequence

from chatixia.core.ports import ArtifactFeed, ArtifactSource
from chatixia.core.queued_artifacts import check_sizes
from chatixia.wire.artifacts import ArtifactInfo

from .offers import too_many
from .transfers import InlineFeed


async def inline(sources: Sequence[ArtifactSource]) -> tuple[ArtifactInfo, ...]:
    """A table with the bytes of all. Raises TooLarge, and what the sources raise."""
    too_many(sources)
    check_sizes([(await source.describe()).size for source in sources])
    return tuple([await source.inline() for source in sources])


def feeds(table: tuple[ArtifactInfo, ...]) -> tuple[ArtifactFeed, ...]:
    """The artifacts of a table whose bytes are in it."""
    return tuple(InlineFeed(info) for info in table) if table else ()
