"""The owner's word goes from peer to peer, though no registry brings it."""

from __future__ import annotations

from typing import Any

import msgspec

from chatixia.core.pins import digest_of
from chatixia.peer.control.revocations import RevocationReceiver
from chatixia.peer.links.revocations import BURST
from chatixia.wire.base import encode
from chatixia.wire.peer import MAX_FRAME, MAX_REVOKED, RevokedFrame
from chatixia.wire.trust import Revocation, Signed
from tests.core.memberships import statement
from tests.peer.relay import nodes
from tests.until import until


def connect(*all_nodes: Any) -> list[Any]:
    """What the login does: take what comes, and pass on what is new. Gives who was excluded."""
    excluded: list[Any] = []
    for node in all_nodes:
        receiver = RevocationReceiver(node.me, node.driver.revoked, excluded.append)
        node.receive = node.driver.revocations.take = receiver.receive
    return excluded


def knows(node: Any, name: str) -> bool:
    return ("default", name) in node.me.book.revocations


async def test_one_informed_peer_informs_all_over_open_links():
    async with nodes("alice", "bob", "carol") as (_, alice, bob, carol):
        excluded = connect(alice, bob, carol)
        await alice.open(bob)
        await bob.open(carol)
        alice.receive(statement("dave"))
        await until(lambda: knows(carol, "dave"))
        assert knows(bob, "dave") and not excluded


async def test_the_revoked_one_loses_its_links_everywhere_and_hears_why():
    async with nodes("alice", "bob", "carol") as (_, alice, bob, carol):
        excluded = connect(alice, bob, carol)
        await alice.open(bob)
        await bob.open(carol)
        await alice.open(carol)
        alice.receive(statement("carol", serial=9))
        assert (await alice.refusal("carol")).code == "revoked"
        assert (await bob.refusal("carol")).code == "revoked"
        await until(lambda: excluded)
        assert excluded[0].code == "revoked"
        await until(lambda: not carol.driver.report())


async def test_what_was_withheld_comes_with_hello():
    """Also one of a lower version than the peer's: somebody left it out."""
    async with nodes("alice", "bob") as (_, alice, bob):
        connect(alice, bob)
        for name, version in (("dave", 1), ("eve", 2), ("frank", 3)):
            alice.receive(statement(name, version=version))
        bob.receive(statement("frank", version=3))
        await alice.open(bob)
        await until(lambda: knows(bob, "dave") and knows(bob, "eve"))
        books = alice.me.book.revocations, bob.me.book.revocations
        assert digest_of(books[0]) == digest_of(books[1])


async def test_who_knows_the_same_sends_nothing():
    async with nodes("alice", "bob") as (_, alice, bob):
        connect(alice, bob)
        for node in (alice, bob):
            node.receive(statement("dave"))
        await alice.open(bob)
        path, sent = alice.driver.peers["bob"].path, []
        path.send = sent.append
        hello = alice.driver.peers["bob"].open.hello
        alice.driver.revocations.compare(path, hello)
        assert not sent
        alice.me.book.revoke(statement("eve"), Revocation("m", "default", "eve", 1, 1, 2))
        alice.driver.revocations.compare(path, hello)
        assert len(sent) == 1


async def test_what_the_owner_did_not_sign_is_ignored_and_a_flood_is_not_read():
    async with nodes("alice", "bob") as (_, alice, bob):
        connect(alice, bob)
        await alice.open(bob)
        forged = Signed(statement("bob").b, statement("carol").s)
        taken: list[Signed] = []
        take = bob.receive
        bob.driver.revocations.take = lambda each: (taken.append(each), take(each))[1]
        path = alice.driver.peers["bob"].path
        for _ in range(BURST + 40):
            path.say(RevokedFrame([forged, forged]))
        path.say(RevokedFrame([statement("dave")]))
        await until(lambda: len(taken) >= BURST)
        assert len(taken) <= BURST + 5 and not bob.me.book.revocations
        assert bob.driver.report(), "the link lives"


async def test_a_peer_of_an_older_version_is_sent_nothing():
    async with nodes("alice", "bob") as (_, alice, bob):
        connect(alice, bob)
        await alice.open(bob)
        path = alice.driver.peers["bob"].path
        path.capabilities = path.capabilities - {"revocations/1"}
        sent: list[bytes] = []
        path.send = sent.append
        alice.receive(statement("dave"))
        alice.driver.revocations.compare(path, alice.driver.peers["bob"].open.hello)
        assert not sent


def test_a_full_frame_is_far_from_the_bound_of_frames():
    long = statement("x" * 63, serial=2**53 - 1)
    assert len(encode(RevokedFrame([long] * MAX_REVOKED))) < MAX_FRAME / 8


async def test_a_ping_brings_what_was_missed_once():
    """Frames that were dropped on the way, or by the rate of their receiver, come after all."""
    async with nodes("alice", "bob") as (_, alice, bob):
        connect(alice, bob)
        await alice.open(bob)
        link = alice.driver.peers["bob"].path
        send, link.send = link.send, lambda data: None
        alice.receive(statement("dave"))
        link.send = send
        said = bob.driver.revocations.lists()
        assert bytes(said) == b"{}"
        alice.driver.revocations.receive_lists("bob", said)
        await until(lambda: knows(bob, "dave"))
        assert bytes(bob.driver.revocations.lists()) == bytes(alice.driver.revocations.lists())
        sent: list[bytes] = []
        link.send = sent.append
        for payload in (bob.driver.revocations.lists(), msgspec.Raw(b'{"revoked":5}')):
            alice.driver.revocations.receive_lists("bob", payload)
        assert not sent
        for _ in range(3):
            alice.driver.revocations.receive_lists("bob", msgspec.Raw(b'{"revoked":"other"}'))
        assert len(sent) == 1


async def test_long_statements_go_in_frames_that_an_engine_takes():
    async with nodes("alice", "bob") as (_, alice, bob):
        connect(alice, bob)
        await alice.open(bob)
        path, sent = alice.driver.peers["bob"].path, []
        path.send = sent.append
        long = [Signed("A" * 8000, "A" * 86)] * 40
        alice.driver.revocations._send(path, long)
        assert sum(data.count(b'"b"') for data in sent) == 40
        assert max(map(len, sent)) < 80_000
