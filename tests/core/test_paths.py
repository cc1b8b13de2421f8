"""Ranked paths, scripted: a link goes up when a better path opens, down when the best one dies."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from math import inf

import pytest

from chatixia.core import link as k
from chatixia.core.paths import (
    DIRECT,
    MAX_IMPROVE_SECONDS,
    PathKind,
    PathSlot,
    backoff,
    is_steady,
)
from chatixia.errors import Denied, Unreachable

ONE, TWO = "1" * 16, "2" * 16
RELAY = PathKind("relay", {"relay": 2}, delay=0.1, either=True)


class Script:
    """A link with two kinds of paths and a clock; ``effects`` has what was decided last."""

    def __init__(self, me: str = "alice", peer: str = "bob") -> None:
        self.link = k.Link(me, peer, 0.0, kinds=(RELAY, DIRECT))
        self.direct, self.relay = self.link.slots
        self.now = 0.0
        self.effects: k.Sink = []
        self.link.present(ONE, 0.0, self.effects)

    def at(self, now: float) -> list[str]:
        """The time is ``now``: what is due?"""
        self.now, self.effects = now, []
        self.link.tick(now, True, self.effects)
        return self.names

    @property
    def names(self) -> list[str]:
        return [type(effect).__name__ for effect in self.effects]

    def want(self) -> None:
        self.effects = []
        self.link.want(self.now, self.effects)

    def opens(self, slot: PathSlot, tier: str = "") -> list[str]:
        """The attempt of that kind holds."""
        assert slot.trying
        self.effects = []
        assert self.link.verified(slot.trying.key, self.now, self.effects, tier)
        return self.names

    def dies(self, slot: PathSlot) -> list[str]:
        assert slot.open
        self.effects = []
        self.link.lost(slot.open.key, self.now, self.effects)
        return self.names

    def fails(self, slot: PathSlot, error: Exception | None = None) -> list[str]:
        assert slot.trying
        self.effects = []
        error = error or Unreachable("no answer")
        self.link.failed(slot.trying.key, error, self.now, self.effects)
        return self.names

    def both_open(self) -> None:
        """First the worse path, then the better one."""
        self.want()
        self.at(0.1)
        self.opens(self.relay)
        self.at(0.2)
        self.opens(self.direct)


def test_the_kinds_stand_in_the_order_of_their_ranks():
    script = Script()
    assert [slot.kind.name for slot in script.link.slots] == ["direct", "relay"]


def test_a_worse_kind_is_tried_only_when_the_better_one_takes_long():
    script = Script()
    script.want()
    assert script.names == ["CreateOffer"] and script.effects[0].kind == "direct"
    assert script.at(0.05) == []
    assert script.at(0.1) == ["CreateOffer"] and script.effects[0].kind == "relay"
    quick = Script()
    quick.want()
    quick.at(0.05)
    assert quick.opens(quick.direct) == ["UsePath"]
    assert quick.at(0.2) == []


def test_the_first_that_opens_is_used_and_the_better_one_is_tried_on():
    script = Script()
    script.want()
    script.at(0.1)
    assert script.opens(script.relay) == ["UsePath"]
    assert script.link.open is script.relay.open and script.direct.trying
    assert script.at(8.0) == [
        "CloseConnection"
    ]  # that try is over; nobody is told, for one is open
    assert script.at(10.0) == ["CreateOffer"] and script.effects[0].kind == "direct"
    for _ in range(20):
        script.at(script.now + 8.0)
        script.at(script.now + MAX_IMPROVE_SECONDS)
    assert script.direct.wanted, "the try at what is better is never the last"


@pytest.mark.parametrize("me", ["alice", "zoe"])
def test_where_no_better_path_ever_opens_attempts_become_rare(me: str):
    """The end that offers, and the one that asks for an offer."""
    script = Script(me)
    script.want()
    script.at(0.1)
    script.opens(script.relay)
    begun = []
    while script.now < 3600:
        if {"CreateOffer", "RequestOffer"} & set(script.at(script.now + 0.5)):
            begun.append(script.now)
    gaps = [round(later - one, 3) for one, later in itertools.pairwise(begun)]
    assert gaps == sorted(gaps) and len(begun) < 24
    assert MAX_IMPROVE_SECONDS <= gaps[-1] <= MAX_IMPROVE_SECONDS + k.TRY_SECONDS + 1
    assert script.direct.wanted


def test_a_request_for_a_better_path_does_not_begin_the_waits_anew():
    script = Script()
    script.want()
    script.at(0.1)
    script.opens(script.relay)
    for _ in range(12):
        script.at(script.now + k.TRY_SECONDS)
        script.at(script.now + MAX_IMPROVE_SECONDS)
    tries = script.direct.tries
    script.at(script.now + k.TRY_SECONDS)
    script.effects = []
    script.link.requested(ONE, False, script.now, script.effects)
    assert script.names == ["CreateOffer"] and script.direct.tries > tries > 9


def test_a_better_path_is_used_as_soon_as_it_opens_and_the_worse_one_is_read_for_a_while():
    script = Script()
    script.want()
    script.at(0.1)
    script.opens(script.relay)
    script.at(0.2)
    assert script.opens(script.direct) == ["UsePath"]
    assert script.effects[0].key == script.direct.open.key == script.link.open.key
    assert script.at(5.1) == []
    assert script.relay.open
    assert script.at(5.2) == ["CloseConnection"]
    assert script.relay.open is None and script.link.open is script.direct.open


def test_an_attempt_at_what_is_worse_ends_when_the_better_one_opens():
    script = Script()
    script.want()
    script.at(0.1)
    assert script.opens(script.direct, "turn") == ["UsePath", "CloseConnection"]
    assert not script.relay.pending
    assert script.at(60.0) == []


def test_when_the_best_dies_the_worse_one_carries_on_at_once():
    script = Script()
    script.both_open()
    script.at(1.0)
    assert script.dies(script.direct) == ["UsePath", "CloseConnection", "CreateOffer"]
    assert script.effects[0].key == script.relay.open.key
    assert script.effects[2].kind == "direct"
    assert script.link.session == ONE


def test_when_the_only_path_dies_both_kinds_are_tried():
    script = Script()
    script.both_open()
    script.at(6.0)
    assert script.dies(script.direct) == ["CloseConnection", "CreateOffer"]
    assert script.at(6.1) == ["CreateOffer"] and script.effects[0].kind == "relay"


def test_the_end_of_a_replaced_path_changes_nothing():
    script = Script()
    script.both_open()
    assert script.dies(script.relay) == ["CloseConnection"]
    assert script.link.open is script.direct.open
    assert script.at(30.0) == []


def test_a_path_that_died_must_stand_five_ten_and_up_to_sixty_seconds():
    script = Script()
    script.both_open()
    stood = []
    for _ in range(6):
        script.at(script.now + 1.0)
        script.dies(script.direct)
        assert script.link.open is script.relay.open
        while not script.direct.trying:
            script.at(script.now + 0.5)
        assert script.opens(script.direct) == [], "it is not used yet"
        since = script.now
        while script.link.open is not script.direct.open:
            script.at(script.now + 0.5)
        stood.append(script.now - since)
    assert stood == pytest.approx([5.0, 10.0, 20.0, 40.0, 60.0, 60.0])
    script.at(script.now + 60.0)
    script.dies(script.direct)
    assert script.direct.hold == 5.0, "after a minute of use it is as good as new"


def test_a_path_by_which_the_peer_sends_need_not_stand_any_longer():
    script = Script()
    script.both_open()
    script.dies(script.direct)
    assert script.opens(script.direct) == []
    assert script.link.open is script.relay.open
    script.effects = []
    script.link.frame_received(script.direct.open.key, script.now, script.effects)
    assert script.names == ["UsePath"] and script.link.open is script.direct.open
    script.link.frame_received(script.relay.open.key, script.now, script.effects)
    assert script.link.open is script.direct.open, "a worse one is not gone to for that"


def test_when_the_next_attempt_is_due():
    script = Script()
    assert script.link.due == inf
    script.want()
    assert script.link.due == pytest.approx(0.1), "the worse kind; the better one is under way"
    script.at(0.1)
    assert script.link.due == inf
    script.opens(script.relay)
    script.fails(script.direct)
    assert script.link.due > 0.1


def test_a_path_that_has_to_stand_is_used_at_once_if_nothing_else_is_left():
    script = Script()
    script.both_open()
    script.dies(script.direct)
    script.opens(script.direct)
    assert script.link.open is script.relay.open
    assert script.dies(script.relay)[0] == "UsePath"
    assert script.link.open is script.direct.open


def test_the_mesh_hears_of_a_failure_only_when_no_kind_is_left():
    script = Script()
    script.want()
    script.at(0.1)
    assert script.fails(script.direct, Denied("no")) == ["CloseConnection"]
    assert script.fails(script.relay, Denied("no")) == ["CloseConnection", "ReportFailure"]


def test_two_offers_of_a_kind_that_either_end_may_open_end_as_one():
    low, high = Script("alice", "bob"), Script("bob", "alice")
    for script in (low, high):
        script.want()
        script.at(0.1)
        assert script.relay.trying and script.relay.trying.local
    theirs = high.relay.trying.attempt
    low.effects, high.effects = [], []
    low.link.offered(ONE, theirs, 0.2, low.effects, "relay")
    assert low.names == [] and low.relay.trying.local
    high.link.offered(ONE, low.relay.trying.attempt, 0.2, high.effects, "relay")
    assert high.names == ["CloseConnection", "AcceptOffer"]
    assert not high.relay.trying.local


def test_a_relay_that_is_asked_for_first_does_not_make_the_slower_offer_an_old_one():
    """A description takes a busy engine longer than the relay waits."""
    low, high = Script("alice", "bob"), Script("bob", "alice")
    low.want()
    direct = low.direct.trying.attempt
    low.at(0.1)
    high.link.offered(ONE, low.relay.trying.attempt, 0.1, high.effects, "relay")
    high.effects = []
    high.link.offered(ONE, direct, 0.2, high.effects)
    assert high.names == ["AcceptOffer"]


def test_an_attempt_of_the_other_end_does_not_lower_my_own():
    script = Script()
    script.want()
    script.at(0.1)
    mine = script.relay.trying.attempt
    script.fails(script.relay, Unreachable("no"))
    script.link.offered(ONE, 1, 0.2, script.effects, "relay")
    assert script.link.attempt == mine == 2


def test_where_nothing_waits_the_relay_comes_after_two_tries_and_a_call_brings_it_on():
    script = Script()
    script.effects = []
    script.link.want(0.0, script.effects, idle=True)
    assert script.direct.trying
    for now in (1.0, 9.0, 12.0, 15.9):
        script.at(now)
        assert not script.relay.trying
    script.at(16.0)
    assert script.relay.trying
    script = Script()
    script.link.want(0.0, script.effects, idle=True)
    script.now = 5.0
    script.want()
    script.at(5.1)
    assert script.relay.trying


def test_an_offer_of_a_kind_that_is_not_opened_here_is_refused():
    link = k.Link("bob", "alice", 0.0)
    with pytest.raises(Denied, match="relay"):
        link.offered(ONE, 1, 0.0, [], "relay")


def test_a_path_to_a_new_process_ends_all_paths_to_the_old_one():
    script = Script("bob", "alice")
    script.want()
    script.at(0.1)
    script.opens(script.relay)
    script.effects = []
    script.link.offered(TWO, 1, 0.3, script.effects)
    assert script.opens(script.direct) == ["UsePath", "CloseConnection"]
    assert script.relay.open is None and script.link.session == TWO


def test_a_close_on_purpose_ends_every_path_and_moves_to_none():
    script = Script()
    script.both_open()
    keys = [script.relay.open.key, script.direct.open.key]
    script.effects = []
    script.link.close(script.now, script.effects)
    assert script.names == ["CloseConnection", "CloseConnection"]
    assert [effect.key for effect in script.effects] == keys, "the one in use is last"
    assert script.link.open is None and script.at(60.0) == []


def test_gone_ends_all_paths():
    script = Script()
    script.both_open()
    script.effects = []
    script.link.depart(script.effects)
    assert script.names == ["ReportDeparture", "CloseConnection", "CloseConnection"]
    assert script.link.quiet and script.link.open is None


def steps(seed: int) -> Iterator[tuple[Script, random.Random]]:
    dice = random.Random(seed)
    script = Script()
    script.want()
    for _ in range(400):
        script.at(round(script.now + dice.choice((0.1, 0.5, 2.0, 7.0)), 3))
        for slot in script.link.slots:
            if slot.trying and dice.random() < 0.5:
                script.opens(slot) if dice.random() < 0.7 else script.fails(slot)
            elif slot.open and dice.random() < 0.2:
                script.dies(slot)
        if not script.link.open and not any(slot.pending for slot in script.link.slots):
            script.want()
        yield script, dice


@pytest.mark.parametrize("seed", range(30))
def test_whatever_opens_and_dies_an_open_path_is_in_use_and_the_best_that_may_be(seed):
    for script, _ in steps(seed):
        script.effects = []
        script.link.tick(script.now, True, script.effects)
        paths = [slot.open for slot in script.link.slots if slot.open]
        assert (script.link.open is not None) == bool(paths)
        if script.link.open:
            assert script.link.open in paths
            usable = [
                s.open.rank for s in script.link.slots if s.open and s.usable_at() <= script.now
            ]
            assert script.link.open.rank <= min(usable, default=9)


def test_waits_double_up_to_half_a_minute():
    waits = [backoff(1.0, tries) for tries in itertools.chain(range(8), [10_000])]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 30]


def test_a_link_is_steady_while_only_the_best_is_open_and_nothing_is_tried():
    script = Script()
    assert not is_steady(script.link.slots)
    script.want()
    assert not is_steady(script.link.slots)
    script.opens(script.direct)
    assert is_steady(script.link.slots)
    script.link.renew(1.0, script.effects)
    assert not is_steady(script.link.slots)
    script = Script()
    script.both_open()
    assert not is_steady(script.link.slots), "the spare is closed by time"
