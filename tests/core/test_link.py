"""Births and ends of a link as decisions: who offers, what is held, what is refused.

Two sides are also driven against each other by seeds, with signaling that loses, delays and
repeats: whatever happens, both end on the same connection.
"""

from __future__ import annotations

import pytest

from chatixia.core import link as k
from chatixia.core.offers import OFFER_BURST
from chatixia.errors import (
    BadSignature,
    Denied,
    MeshError,
    Overloaded,
    PeerRestarted,
    UnknownAgent,
    Unreachable,
)
from chatixia.wire.signaling import IceCandidate
from tests.core.two_ends import ONE, TWO, World


def kinds(sink: k.Sink) -> list[str]:
    return [type(effect).__name__ for effect in sink]


class Side:
    """A link and what it decided last."""

    def __init__(self, me: str = "alice", peer: str = "bob") -> None:
        self.link = k.Link(me, peer, 0.0)
        self.sink: k.Sink = []

    def __getattr__(self, name: str):
        act = getattr(self.link, name)

        def call(*arguments: object, **named: object) -> list[str]:
            self.sink = []
            act(*arguments, self.sink, **named)
            return kinds(self.sink)

        return call

    @property
    def fail(self) -> MeshError:
        return next(effect.error for effect in self.sink if isinstance(effect, k.ReportFailure))


def offering() -> Side:
    """The lower id, which knows the other's process."""
    side = Side()
    side.present(ONE, 0.0)
    return side


def opened(side: Side, now: float = 0.1) -> Side:
    if side.link.trying is None:
        side.want(now)
    assert side.link.trying
    assert side.verified(side.link.trying.key, now) is not None
    assert side.link.open
    return side


# -- who begins


def test_the_lower_id_offers_and_counts_its_attempts():
    side = offering()
    assert side.want(0.0) == ["CreateOffer"]
    assert (side.sink[0].attempt, side.sink[0].incarnation) == (1, ONE)
    assert side.want(0.1) == []


def test_the_higher_id_asks_waits_two_seconds_and_asks_with_back_off():
    side = Side("bob", "alice")
    side.present(ONE, 0.0)
    assert side.want(0.0) == ["RequestOffer"]
    assert not side.sink[0].restart
    assert side.tick(1.9, True) == []
    assert side.tick(2.0, True) == ["RequestOffer"]
    assert side.tick(5.9, True) == []
    assert side.tick(6.0, True) == ["RequestOffer"]
    assert side.tick(14.0, True) == ["RequestOffer"]
    assert side.tick(30.0, True) == ["ReportFailure"]
    assert isinstance(side.fail, Unreachable)
    assert side.tick(100.0, True) == []


def test_the_lower_id_that_knows_no_process_asks_for_its_name():
    side = Side()
    assert side.want(0.0) == ["RequestOffer"]
    assert side.requested(ONE, False, 0.1) == ["CreateOffer"]
    other = Side("bob", "alice")
    assert other.requested(TWO, False, 0.0) == ["RequestOffer"]


def test_nothing_is_asked_while_the_registry_is_away():
    side = Side("bob", "alice")
    side.want(0.0)
    assert side.tick(2.0, False) == []
    assert side.tick(2.5, True) == ["RequestOffer"]


def test_a_peer_that_comes_soon_after_it_was_wanted_gets_its_attempt():
    side = Side()
    side.link.want_when_present(0.0)
    assert side.present(ONE, 59.0) == ["CreateOffer"]
    late = Side()
    late.link.want_when_present(0.0)
    assert late.present(ONE, 61.0) == []


# -- offers


def test_an_offer_is_answered_once_per_attempt():
    side = Side("bob", "alice")
    assert side.offered(ONE, 1, 0.0) == ["AcceptOffer"]
    with pytest.raises(Denied, match="again"):
        side.offered(ONE, 1, 0.1)
    assert side.offered(ONE, 2, 0.2) == ["CloseConnection", "AcceptOffer"]
    with pytest.raises(Denied, match="again"):
        side.offered(ONE, 1, 0.3)


def test_an_old_processs_offer_is_remembered_too():
    side = Side("bob", "alice")
    side.offered(ONE, 1, 0.0)
    side.offered(TWO, 1, 0.1)
    with pytest.raises(Denied):
        side.offered(ONE, 1, 0.2)


def test_a_living_path_ends_only_after_its_replacement_verified():
    side = Side("bob", "alice")
    side.offered(ONE, 1, 0.0)
    opened(side)
    first = side.link.open.key
    assert side.offered(ONE, 2, 1.0) == ["AcceptOffer"]
    assert side.link.open.key == first
    second = side.link.trying.key
    assert side.verified(second, 1.1) == ["UsePath", "CloseConnection"]
    assert (side.sink[1].key, side.sink[1].after) == (first, k.LINGER_SECONDS)
    assert side.link.open.key == second


def test_another_processs_replacement_ends_the_old_path_at_once():
    side = Side("bob", "alice")
    side.offered(ONE, 1, 0.0)
    opened(side)
    side.offered(TWO, 1, 1.0)
    side.verified(side.link.trying.key, 1.1)
    assert side.sink[1].after == 0.0
    assert side.link.session == TWO


def test_never_more_than_two_connections():
    side = Side("bob", "alice")
    alive: set[int] = set()
    for n in range(1, 9):
        side.offered(ONE, n, float(n))
        for effect in side.sink:
            if isinstance(effect, k.AcceptOffer):
                alive.add(effect.key)
            elif isinstance(effect, k.CloseConnection):
                alive.discard(effect.key)
        assert len(alive) <= 2
        if n % 2:
            side.verified(side.link.trying.key, n + 0.5)
            alive -= {e.key for e in side.sink if isinstance(e, k.CloseConnection) and not e.after}


def test_ten_offers_then_one_every_six_seconds_and_one_back_for_each_hello():
    side = Side("bob", "alice")
    for _ in range(OFFER_BURST):
        side.link.guard.offer(0.0)
    with pytest.raises(Overloaded):
        side.link.guard.offer(0.0)
    side.offered(ONE, 1, 0.0)
    opened(side)
    side.link.guard.offer(0.1)
    with pytest.raises(Overloaded):
        side.link.guard.offer(0.1)
    side.link.guard.offer(6.2)


def test_requests_have_a_bucket_of_their_own():
    side = offering()
    for _ in range(OFFER_BURST):
        side.requested(ONE, False, 0.0)
    with pytest.raises(Overloaded):
        side.requested(ONE, False, 0.0)


def test_a_barred_peer_gets_nothing_for_a_minute():
    side = offering()
    side.link.guard.bar(0.0)
    with pytest.raises(Denied):
        side.link.guard.offer(59.0)
    with pytest.raises(Denied):
        side.requested(ONE, True, 59.0)
    assert side.want(59.0) == ["ReportFailure"]
    side.link.guard.offer(60.0)
    assert side.want(60.0) == ["CreateOffer"]


# -- candidates


def candidate(attempt: int = 1, incarnation: str = ONE) -> IceCandidate:
    return IceCandidate("bob", "candidate:1", incarnation=incarnation, attempt=attempt)


def test_early_candidates_wait_for_the_connection_and_keep_their_order():
    side = offering()
    side.want(0.0)
    early = [candidate() for _ in range(3)]
    for each in early:
        assert side.candidate(each) == []
    assert side.ready(side.link.trying.key) == ["AddCandidate"] * 3
    assert [effect.candidate for effect in side.sink] == early
    assert side.candidate(candidate()) == ["AddCandidate"]


def test_candidates_of_any_other_try_are_dropped():
    side = offering()
    side.want(0.0)
    side.ready(side.link.trying.key)
    assert side.candidate(candidate(attempt=2)) == []
    assert side.candidate(candidate(incarnation=TWO)) == []
    assert Side().candidate(candidate()) == []


def test_thirty_two_candidates_and_no_more():
    side = offering()
    side.want(0.0)
    for _ in range(32):
        side.candidate(candidate())
    with pytest.raises(Overloaded):
        side.candidate(candidate())
    assert len(side.link.trying.pending) == 32


# -- failures


def test_a_try_ends_by_its_own_deadline_and_comes_again():
    side = offering()
    side.want(0.0)
    assert side.tick(7.9, True) == []
    assert side.tick(8.0, True) == ["CloseConnection", "ReportFailure"]
    assert isinstance(side.fail, Unreachable)
    assert side.tick(10.0, True) == ["CreateOffer"]
    assert side.sink[0].attempt == 2


def test_a_refusal_is_final_until_the_link_is_wanted_anew():
    side = offering()
    side.want(0.0)
    assert side.failed(1, BadSignature("no"), 0.1) == ["CloseConnection", "ReportFailure"]
    assert side.tick(60.0, True) == []
    assert side.present(ONE, 1.0) == []
    assert side.want(61.0) == ["CreateOffer"]


def test_the_other_sides_error_counts_for_its_attempt_only():
    side = offering()
    side.want(0.0)
    assert side.error_received(Denied("no"), 7, 0.1) == []
    assert side.error_received(Denied("no"), 1, 0.1) == ["CloseConnection", "ReportFailure"]


def test_an_unsigned_error_cuts_no_open_link_but_says_why_it_closed():
    side = opened(offering())
    assert side.error_received(Denied("your hello"), 1, 0.2) == []
    assert side.link.open
    assert side.lost(side.link.open.key, 0.3) == ["CloseConnection", "ReportFailure"]
    assert side.fail.message == "your hello"


def test_bad_offers_in_a_peers_name_fail_no_call():
    side = opened(offering())
    side.sink = []
    side.link.refused(BadSignature("x"), side.sink)
    assert side.sink == []


def test_the_registry_knows_no_such_agent():
    side = Side()
    side.want(0.0)
    assert side.error_received(UnknownAgent("none"), 0, 0.1) == ["ReportFailure"]
    assert side.present(ONE, 5.0) == ["CreateOffer"]


def test_an_offer_to_an_earlier_process_is_made_again_to_the_present_one():
    side = offering()
    side.want(0.0)
    assert side.error_received(PeerRestarted("another"), 1, 0.1) == ["CloseConnection"]
    assert side.present(TWO, 0.2) == ["CreateOffer"]
    assert side.sink[0].incarnation == TWO


def test_a_try_to_an_earlier_process_ends_when_the_new_one_is_known():
    side = offering()
    side.want(0.0)
    assert side.present(TWO, 0.1) == ["CloseConnection", "CreateOffer"]


def test_an_open_path_to_an_earlier_process_lives_until_the_present_one_has_proved_itself():
    side = opened(offering(), 0.1)
    old = side.link.open
    assert side.present(TWO, 1.0) == ["CreateOffer"]
    assert side.sink[0].incarnation == TWO
    assert (side.link.open, side.link.session) == (old, ONE), "a registry's word ends nothing"
    asking = Side("bob", "alice")
    asking.offered(ONE, 1, 0.0)
    opened(asking)
    assert asking.present(TWO, 1.0) == ["RequestOffer"]


# -- paths that die


def test_a_dead_path_is_followed_by_a_new_attempt_in_the_same_session():
    side = opened(offering(), 0.1)
    assert side.lost(side.link.open.key, 5.0) == ["CloseConnection", "CreateOffer"]
    assert side.link.session == ONE
    asking = Side("bob", "alice")
    asking.offered(ONE, 1, 0.0)
    opened(asking)
    assert asking.lost(asking.link.open.key, 5.0) == ["CloseConnection", "RequestOffer"]
    assert asking.sink[1].restart


def test_paths_that_break_at_once_are_not_tried_in_a_circle():
    side, now = opened(offering(), 0.1), 0.2
    for _ in range(k.MAX_BREAKS):
        assert side.lost(side.link.open.key, now) == ["CloseConnection", "CreateOffer"]
        opened(side, now)
        now += 0.1
    assert side.lost(side.link.open.key, now) == ["CloseConnection"]
    assert side.tick(now + 0.9, True) == []
    assert side.tick(now + 1.0, True) == ["CreateOffer"]


def test_a_path_closed_by_agreement_stays_closed():
    side = opened(offering())
    assert side.lost(side.link.open.key, 5.0, again=False) == ["CloseConnection"]
    assert side.tick(60.0, True) == []


def test_a_clean_goodbye_and_a_closed_path_are_gone_at_once():
    side = opened(offering())
    side.link.left(ONE, True, 1.0)
    assert side.lost(side.link.open.key, 5.0) == ["CloseConnection"]
    assert side.tick(5.1, True) == ["ReportDeparture"]
    assert side.sink[0].incarnation == ONE


def test_without_a_path_or_a_socket_it_is_gone_after_three_seconds():
    side = opened(offering())
    side.lost(side.link.open.key, 5.0)
    side.link.left(ONE, False, 5.5)
    assert "ReportDeparture" not in side.tick(8.4, True)
    assert "ReportDeparture" in side.tick(8.5, True)


def test_without_a_path_or_a_registry_it_is_gone_after_thirty_seconds():
    side = opened(offering())
    side.lost(side.link.open.key, 5.0)
    assert "ReportDeparture" not in side.tick(34.9, False)
    assert "ReportDeparture" in side.tick(35.0, False)


def test_a_new_process_without_a_path_to_the_old_one_is_gone():
    side = opened(offering())
    side.lost(side.link.open.key, 5.0, again=False)
    side.present(TWO, 6.0)
    assert side.sink[0] == k.ReportDeparture(ONE)


def test_gone_is_told_before_its_connections_are_dropped():
    side = opened(offering())
    side.sink = []
    side.link.depart(side.sink)
    assert kinds(side.sink) == ["ReportDeparture", "CloseConnection"]


def test_the_registrys_word():
    side = opened(offering())
    assert side.link.word(True) == "held"
    assert side.link.word(False) == "away"
    side.link.left(ONE, False, 1.0)
    assert side.link.word(True) == "closed"
    side.present(ONE, 2.0)
    assert side.link.word(True) == "held"
    side.present(TWO, 2.0)
    assert side.link.word(True) == "closed"


def test_an_unlisted_peer_is_taken_for_one_that_left():
    side = opened(offering())
    side.link.unknown(3.0)
    assert side.link.word(True) == "closed"


def test_forgetting_is_allowed_only_where_nothing_is():
    side = offering()
    assert side.link.quiet
    side.want(0.0)
    assert not side.link.quiet
    opened(side)
    assert not side.link.quiet


# -- two sides by seeds


@pytest.mark.parametrize("seed", range(60))
def test_both_ends_end_on_the_same_connection_whatever_signaling_does(seed):
    world = World(seed)
    for name in world.random.sample(["a", "b", "a", "b"], 3):
        world.run(world.now + world.random.uniform(0, 0.2))
        world.want(name)
    for _ in range(20):
        world.run(world.now + 10)
        if world.sides["a"].open and world.sides["b"].open:
            break
        world.want(world.random.choice("ab"))
    assert world.sides["a"].open and world.sides["b"].open
    assert world.sides["a"].open.attempt == world.sides["b"].open.attempt
    world.run(world.now + 30)
    assert world.sides["a"].open.attempt == world.sides["b"].open.attempt


def test_after_a_malformed_frame_it_is_only_a_moment_too_early():
    side = offering()
    side.link.guard.bar(0.0, 1.0)
    with pytest.raises(Overloaded):
        side.link.guard.offer(0.5)
    assert side.want(0.5) == []
    assert side.tick(1.0, True) == ["CreateOffer"]


def test_a_host_with_other_addresses_opens_a_path_beside_the_one_in_use():
    side = opened(offering())
    key = side.link.open.key
    assert side.renew(1.0) == [] and side.link.open.key == key
    assert side.tick(1.0, True) == ["CreateOffer"]
    assert side.renew(1.5) == ["CloseConnection"]  # what is under way has the old addresses
    assert side.tick(1.5, True) == ["CreateOffer"]
    quiet = offering()
    assert quiet.renew(1.0) == []
    assert quiet.tick(1.0, True) == []
