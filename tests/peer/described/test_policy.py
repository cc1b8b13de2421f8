"""Who may have an unsigned link: whoever is named, and has no key."""

from __future__ import annotations

import logging

import pytest

from chatixia.core.ports import Pin
from chatixia.errors import Denied
from chatixia.peer.described.policy import DescribedPolicy
from chatixia.peer.engines import load
from chatixia.wire.signaling import DescribedPeers, DescribedSignal
from chatixia.wire.trust import Revocation, Signed
from chatixia.world import REAL
from tests.core.circle import NOW, agent

ME = agent("ours").me()


def policy(*names: str) -> DescribedPolicy:
    return DescribedPolicy(ME, load("auto"), lambda signal: True, names, REAL)


def test_only_who_is_named():
    one = policy("rusty", "ours")
    one.admits("rusty")
    for name in ("other", "ours", "rusty~x"):
        with pytest.raises(Denied, match="not in `compat`"):
            one.admits(name)


def test_a_name_with_a_pin_or_a_record_is_never_spoken_for_unsigned():
    one = policy("pinned", "gone", "rusty")
    ME.book.keep([Pin(ME.ns, "pinned", "agent", b"k" * 32, b"s" * 32, 1, b"o" * 32)])
    ME.book.revoke(Signed("", ""), Revocation(ME.mesh, ME.ns, "gone", 1, NOW, 1))
    for name in ("pinned", "gone"):
        with pytest.raises(Denied, match="a key of its own"):
            one.admits(name)
    one.admits("rusty")


async def test_what_the_registry_says_of_others_is_left_out(caplog: pytest.LogCaptureFixture):
    one = policy("rusty")
    one.receive(DescribedPeers(["stranger", "rusty"], "rusty"))
    assert one.links.is_here("rusty") and not one.links.is_here("stranger")
    one.receive(DescribedSignal("ours", "offer", "v=0", peer_id="stranger"))
    assert not one.links.is_here("stranger")
    one.registry(False)
    assert not one.links.is_here("rusty")
    with caplog.at_level(logging.WARNING, "chatixia.peer"):
        one.receive(DescribedPeers([], off=True))
        one.receive(DescribedPeers([], off=True))
    assert len([r for r in caplog.records if "compat: true" in r.getMessage()]) == 1
    await one.links.stop()
