"""Artifacts of a task: their bytes in it, and no more than the queue takes."""

from __future__ import annotations

import pytest

from chatixia.client.artifact import Artifact
from chatixia.errors import TooLarge
from chatixia.peer.artifacts.queued import feeds, inline

from .ends import whole


async def test_the_bytes_go_along():
    table = await inline([Artifact.of(b"abc", name="x").source, Artifact.of(b"").source])
    assert [info.data for info in table] == [b"abc", b""]
    assert [await whole(feed) for feed in feeds(table)] == [b"abc", b""]


async def test_more_than_the_queue_takes_is_refused():
    with pytest.raises(TooLarge, match="767 KiB"):
        await inline([Artifact.of(bytes(768 * 1024 + 1)).source])
