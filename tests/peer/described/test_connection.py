"""One connection with a described peer: what ends it, what it leaves out."""

from __future__ import annotations

import pytest

from chatixia.errors import Unreachable
from chatixia.peer.described import connection
from chatixia.wire.described import MAX_DESCRIBED
from chatixia.wire.signaling import DescribedSignal
from tests.peer.described.pair import Pair, connected
from tests.until import until


async def test_a_frame_above_the_bound_ends_it_and_bytes_mean_nothing():
    async with Pair() as (a, b):
        await connected(a, b)
        heard: list[str] = []
        b.links.on_text = lambda name, text: heard.append(text)
        channel = a.links._peers["b"].open._channel
        channel.send(b"bytes")
        a.links.send("b", "x" * MAX_DESCRIBED)
        await until(lambda: heard)
        assert heard == ["x" * MAX_DESCRIBED]
        a.links.send("b", "x" * (MAX_DESCRIBED + 1))
        await until(lambda: not a.links.open_names())
        assert len(heard) == 1


async def test_a_peer_that_reads_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch):
    async with Pair() as (a, b):
        await connected(a, b)
        monkeypatch.setattr(connection, "MAX_BUFFERED", -1)
        with pytest.raises(Unreachable, match="takes nothing more"):
            a.links.send("b", "{}")
        assert not a.links.open_names()


async def test_a_candidate_of_no_honest_peer_is_left_out():
    async with Pair() as (a, b):
        await connected(a, b)
        one = a.links._peers["b"].open
        for text in ("candidate:1 1 udp 1 169.254.169.254 80 typ host", "junk"):
            await one.candidate(DescribedSignal("a", "ice_candidate", candidate=text))
        assert not one.over
