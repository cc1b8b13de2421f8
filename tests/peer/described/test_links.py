"""Described links: who offers, what crosses, what comes again."""

from __future__ import annotations

import pytest

from chatixia.errors import Denied, Unreachable
from chatixia.peer.described import links
from chatixia.wire.signaling import DescribedSignal
from tests.peer.described.pair import Pair, connected
from tests.until import until


@pytest.mark.parametrize("engine", ["wrtc", "aiortc"])
async def test_who_comes_offers_and_text_goes_both_ways(engine: str):
    async with Pair(engine) as (a, b):
        heard: list[tuple[str, str]] = []
        a.links.on_text = b.links.on_text = lambda name, text: heard.append((name, text))
        await connected(a, b)
        a.links.send("b", "grüße")
        b.links.send("a", "two")
        await until(lambda: len(heard) == 2)
        assert sorted(heard) == [("a", "grüße"), ("b", "two")]
        await until(lambda: a.links.reports() and a.links.reports()[0].local)
        [report] = a.links.reports()
        assert (report.peer, report.tier, report.engine) == ("b", "direct, unverified", engine)


async def test_where_both_offer_one_link_is_left():
    async with Pair() as (a, b):
        a.links.present(["b"])
        b.links.present(["a"])
        await until(lambda: a.links.open_names() and b.links.open_names())
        a.links.send("b", "{}")
        b.links.send("a", "{}")


async def test_a_peer_that_does_not_offer_in_its_time_is_offered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(links, "THEIR_TURN_SECONDS", 0.05)
    async with Pair() as (a, b):
        b.links.present(["a"], "a")
        assert await b.links.reach("a", 10)
        await until(lambda: a.links.open_names() == ["b"])


async def test_a_lost_answer_is_no_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(links, "OPEN_SECONDS", 0.2)
    monkeypatch.setattr(links, "AGAIN_SECONDS", (0.05,))
    async with Pair() as (a, b):
        b.lost = {"answer"}
        a.links.present(["b"])
        assert not await a.links.reach("b", 5)
        b.lost = set()
        monkeypatch.setattr(links, "OPEN_SECONDS", 10.0)
        await until(lambda: a.links.open_names() == ["b"])


async def test_candidates_before_their_offer_are_kept_and_bounded():
    async with Pair() as (a, b):
        for _ in range(100):
            b.links.signal(DescribedSignal("b", "ice_candidate", candidate="junk", peer_id="a"))
        assert len(b.links._peers["a"].early) == links.MAX_CANDIDATES
        await connected(a, b)


async def test_who_leaves_the_registry_keeps_its_link_and_is_not_waited_for_without_one():
    async with Pair() as (a, b):
        await connected(a, b)
        a.links.present([])
        a.links.send("b", "{}")
        assert a.links.is_here("b")
        await b.links._peers["a"].open.close()
        await until(lambda: not a.links.open_names())
        assert not a.links.is_here("b") and not await a.links.reach("b", 5)
        with pytest.raises(Unreachable):
            a.links.send("b", "{}")


async def test_nothing_is_held_of_who_is_barred_or_one_too_many(monkeypatch: pytest.MonkeyPatch):
    async with Pair() as (a, b):
        b.barred = True
        b.links.signal(DescribedSignal("b", "offer", "v=0", peer_id="a"))
        b.links.present(["a"])
        assert not b.links._peers
        b.barred = False
        monkeypatch.setattr(links, "MOST_PEERS", 1)
        b.links.present(["c"])
        b.links.signal(DescribedSignal("b", "offer", "v=0", peer_id="a"))
        assert list(b.links._peers) == ["c"]


async def test_one_that_nobody_listed_can_be_sought():
    async with Pair() as (a, b):
        a.links.seek("b")
        a.links.seek("b")
        assert await a.links.reach("b", 10)
        await until(lambda: b.links.open_names() == ["a"])
        a.barred = True
        with pytest.raises(Denied):
            a.links.seek("c")


async def test_an_offer_that_reaches_nobody_ends_at_once():
    async with Pair() as (a, b):
        b.lost = {"answer"}
        a.links.present(["b"])
        await until(lambda: "b" in a.links._peers and a.links._peers["b"].own_offer)
        a.links.unreachable("b", Unreachable("b is not connected."))
        a.links.unreachable("nobody", Unreachable())
        assert not await a.links.reach("b", 10)
        assert not a.links.is_here("b")


async def test_much_that_means_nothing_closes_the_link_and_the_next_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(links, "FAULTS", 3)
    monkeypatch.setattr(links, "AGAIN_SECONDS", (0.05,))
    async with Pair() as (a, b):
        for _ in range(2):
            await connected(a, b)
            for _ in range(3):
                a.links.fault("b")
            assert a.links.open_names() == ["b"]
            a.links.fault("b")
            assert a.links.open_names() == []
        a.links.fault("nobody")
