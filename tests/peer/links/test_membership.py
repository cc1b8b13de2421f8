"""Links end with the membership of the peer, and with my own."""

from __future__ import annotations

from chatixia.wire.trust import Revocation
from tests.core.circle import NOW
from tests.peer.relay import nodes


async def test_a_revoked_peer_loses_its_link_and_gets_no_other():
    async with nodes("alice", "bob") as (_, alice, bob):
        await alice.open(bob)
        mesh = alice.me.mesh
        alice.me.book.revoke(None, Revocation(mesh, "default", "bob", 1, NOW, 1))
        alice.driver.recheck()
        assert (await alice.refusal("bob")).code == "revoked"
        assert not alice.driver.report()
        alice.driver.want("bob")
        await alice.listener.until(lambda: len(alice.listener.refusals) > 1)
        assert alice.listener.refusals[-1][1].code == "revoked"


async def test_membership_that_nobody_confirms_ends():
    async with nodes("alice", "bob", ttl=60.0) as (relay, alice, bob):
        await alice.open(bob)
        relay.cut()
        alice.driver.recheck()
        assert alice.driver.report()
        alice.driver.membership.confirmed_at -= 61
        alice.driver.recheck()
        assert (await alice.refusal("bob")).code == "membership_expired"
        assert not alice.driver.report()
