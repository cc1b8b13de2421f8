"""Links end with the membership of the peer, and with my own."""

from __future__ import annotations

from chatixia.core.pins import pin_of
from chatixia.peer.links.membership import PRUNE_SECONDS
from chatixia.wire.trust import Revocation, Signed
from tests.core.circle import NOW, agent, client
from tests.core.test_confirmation import word
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


async def test_the_owners_word_counts_and_no_registry_that_answers():
    """A registry that withholds a revocation has no newer word to show."""
    async with nodes("alice", "bob", ttl=60.0) as (_, alice, bob):
        await alice.open(bob)
        check, now = alice.driver.membership, int(alice.me.clock.now())
        check.learn(word(0, now))
        alice.driver.recheck()
        assert alice.driver.report()
        alice.me.clock.learn(now + 50)
        check.learn(word(1, now + 50))  # of a list that alice was not brought
        check.learn(Signed("AA", "AA"))
        assert alice.me.book.confirmed == now
        alice.me.clock.learn(now + 100)
        alice.driver.recheck()
        assert (await alice.refusal("bob")).code == "membership_expired"
        assert not alice.driver.report()


async def test_with_the_list_that_it_is_about_the_owners_word_counts():
    async with nodes("alice", "bob", ttl=60.0) as (_, alice, bob):
        await alice.open(bob)
        check, now = alice.driver.membership, int(alice.me.clock.now())
        alice.me.book.revoke(
            Signed("", ""), Revocation(alice.me.mesh, "default", "dave", 1, NOW, 1)
        )
        check.learn(word(1, now))
        alice.me.clock.learn(now + 50)
        check.learn(word(1, now + 50))
        alice.me.clock.learn(now + 100)
        alice.driver.recheck()
        assert alice.driver.report()


async def test_pins_of_who_came_and_went_are_forgotten_within_the_hour():
    async with nodes("alice", "bob") as (_, alice, bob):
        await alice.open(bob)
        check, book, now = alice.driver.membership, alice.me.book, int(alice.me.clock.now())
        short = [
            pin_of(
                client(f"laptop~aaaa{chr(97 + n // 8)}{chr(97 + n % 8)}", not_after=now + 60)
                .member()
                .records
            )
            for n in range(40)
        ]
        book.keep(short)
        book.keep([pin_of(agent("job", not_after=now + 60, ephemeral=True).member().records)])
        kept = len(book.pins) - 41
        alice.me.clock.learn(now + 61)
        check.recheck()
        assert len(book.pins) == kept + 41
        check._pruned_at -= PRUNE_SECONDS
        check.recheck()
        assert len(book.pins) == kept
        assert book.pin("default", "bob")
