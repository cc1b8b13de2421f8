"""What stands before a peer's offers."""

import pytest

from chatixia.core.offers import BAR_SECONDS, MAX_INCARNATIONS, OFFER_BURST, OfferGuard
from chatixia.errors import Denied, Overloaded


def test_offers_and_requests_have_a_bucket_each_and_one_back_for_each_path():
    guard = OfferGuard("bob", 0.0)
    for take in (guard.offer, guard.request):
        for _ in range(OFFER_BURST):
            take(0.0)
        with pytest.raises(Overloaded, match="Too many"):
            take(0.0)
    guard.opened()
    guard.offer(0.0)
    guard.request(0.0)


def test_a_longer_bar_is_not_cut_by_a_shorter_one():
    guard = OfferGuard("bob", 0.0)
    guard.bar(0.0)
    guard.bar(1.0, 1.0)
    assert guard.barred_until == BAR_SECONDS
    assert isinstance(guard.barred(BAR_SECONDS - 1), Denied)
    assert guard.barred(BAR_SECONDS) is None


def test_only_so_many_processes_are_remembered():
    guard = OfferGuard("bob", 0.0)
    for n in range(100):
        guard.once(f"{n:016x}", 1, "direct")
    with pytest.raises(Denied, match="again"):
        guard.once(f"{99:016x}", 1, "direct")
    guard.once(f"{0:016x}", 1, "direct")
    assert len(guard._attempts) == MAX_INCARNATIONS


def test_of_two_kinds_of_path_the_later_attempt_may_come_first():
    guard = OfferGuard("bob", 0.0)
    guard.once("1" * 16, 2, "relay")
    guard.once("1" * 16, 1, "direct")
    for attempt, kind in ((2, "relay"), (1, "direct")):
        with pytest.raises(Denied, match="again"):
            guard.once("1" * 16, attempt, kind)
