"""A connection between its description and its second hello: who lies there makes no link."""

from __future__ import annotations

import asyncio
import random
import re
from typing import Any

import msgspec
import pytest

from chatixia.core.handshake import make_hello
from chatixia.core.hello import EARLY_BYTES
from chatixia.core.openings import sign_opening, sign_reply
from chatixia.core.session import LINK_WINDOW
from chatixia.errors import MeshError
from chatixia.peer.engines.base import Connection
from chatixia.peer.links import attempt as link_attempt
from chatixia.peer.links.attempt import LinkAttempt
from chatixia.peer.links.driver import LinkDriver
from chatixia.wire.base import encode
from chatixia.wire.peer import MAX_HELLO
from chatixia.wire.signaling import Answer, IceCandidate, Offer, SignalError
from chatixia.wire.trust import Revocation
from tests.core.circle import NOW, agent
from tests.peer.relay import Node, Relay, nodes
from tests.until import until


def evil(kind: type[LinkAttempt]) -> type[LinkDriver]:
    """A driver whose connections are made by ``kind``."""

    class Evil(LinkDriver):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.effects.attempt_types["direct"] = kind

    return Evil


async def meet(
    kind: type[LinkAttempt], good: str = "bob", bad: str = "alice"
) -> tuple[Node, Node, Relay]:
    """An honest node and a bad one that wants a link to it."""
    relay = Relay()
    honest = Node(relay, agent(good).me())
    liar = Node(relay, agent(bad).me(), driver=evil(kind))
    await honest.start()
    await liar.start()
    liar.driver.want(honest.id)
    return honest, liar, relay


async def told(relay: Relay, node: Node) -> SignalError:
    await until(lambda: relay.of(SignalError, node.id))
    return relay.of(SignalError, node.id)[0]


async def ends(*two: Node) -> None:
    await asyncio.gather(*(node.driver.stop() for node in two))


def lying(**fields: Any) -> type[LinkAttempt]:
    """Its hello says something else than its signed offer or answer."""

    class Lying(LinkAttempt):
        def _greet(self) -> None:
            assert self.exchange and self.channel
            binding = msgspec.structs.replace(self.exchange.binding, **fields)
            hello = make_hello(binding, self._me)
            self.channel.send(encode(hello))

    return Lying


LIES = {
    "fingerprint": b"w" * 32,
    "peer_fingerprint": b"w" * 32,
    "nonce": b"w" * 16,
    "peer_nonce": b"w" * 16,
    "offer_hash": b"w" * 32,
    "answer_hash": b"w" * 32,
    "mesh": "0" * 64,
    "me": "carol",
    "peer": "carol",
    "incarnation": "0" * 16,
    "peer_incarnation": "0" * 16,
    "path": "relay",
    "version": 2,
    "capabilities": (),
    "peer_capabilities": (),
}


@pytest.mark.parametrize("field", list(LIES))
@pytest.mark.parametrize("names", [("bob", "alice"), ("alice", "bob")])
async def test_a_hello_that_says_anything_else_is_refused_on_both_sides(field, names):
    good, bad, relay = await meet(lying(**{field: LIES[field]}), *names)
    try:
        said = await told(relay, good)
        assert said.code == "bad_signature" and "differs in" in said.message
        assert not good.listener.attached and not bad.listener.attached
        error = await bad.refusal(good.id)
        assert error.code == "bad_signature" and error.message == said.message
    finally:
        await ends(good, bad)


async def test_a_reflected_hello_is_no_hello():
    class Mirror(LinkAttempt):
        def _greet(self) -> None:
            assert self.channel
            self.channel.on_message = self._back

        def _back(self, data: Any) -> None:
            assert self.channel
            self.channel.send(data)

    good, bad, relay = await meet(Mirror)
    try:
        assert (await told(relay, good)).code == "bad_signature"
        assert not good.listener.attached
    finally:
        await ends(good, bad)


def junk() -> list[bytes]:
    seeds = random.Random(5)
    frames = [seeds.randbytes(seeds.randint(1, 300)) for _ in range(20)]
    frames += [b'{"s":1,"a":0,"m":[]}', b'{"hello":{},"sig":""}', b"{", b"[" * 9000, b"\x01" * 40]
    return [*frames, b'{"hello":"' + b"x" * MAX_HELLO + b'"}', b"null", b'{"bye":1}']


@pytest.mark.parametrize("data", junk(), ids=range(len(junk())))
async def test_anything_but_a_hello_first_ends_the_connection(data):
    class Rude(LinkAttempt):
        def _greet(self) -> None:
            assert self.channel
            self.channel.send(data)

    good, bad, relay = await meet(Rude)
    try:
        assert (await told(relay, good)).code in ("bad_request", "bad_signature")
        assert not good.listener.attached and not good.listener.frames
        assert not good.driver.peers["alice"].attempts
    finally:
        await ends(good, bad)


async def test_text_first_is_no_hello_either():
    class Rude(LinkAttempt):
        def _greet(self) -> None:
            assert self.channel
            self.channel.native.send("hello")

    good, bad, relay = await meet(Rude)
    try:
        assert (await told(relay, good)).code == "bad_request"
    finally:
        await ends(good, bad)


@pytest.mark.parametrize("count", [1, 6])
async def test_channels_that_nobody_declared_are_closed(count):
    class Many(LinkAttempt):
        async def _connect(self) -> Any:
            made = await super()._connect()
            self.extra = [made.create_channel(f"extra{n}") for n in range(count)]
            return made

    good, bad, relay = await meet(Many)
    try:
        if count == 1:
            await good.listener.until(lambda: good.listener.attached)
            [attempt] = bad.driver.peers["bob"].attempts.values()
            async with asyncio.timeout(20):
                await attempt.extra[0].over.wait()
            good.listener.paths["alice"].send(b"fine")
            await bad.listener.until(lambda: bad.listener.frames)
        else:
            said = await told(relay, good)
            assert said.code == "denied" and "declared" in said.message
    finally:
        await ends(good, bad)


async def test_what_comes_between_hello_and_the_link_is_held_within_a_bound():
    class Eager(LinkAttempt):
        def _greet(self) -> None:
            super()._greet()
            assert self.channel
            for _ in range(self.burst):
                self.channel.send(b"{" + b"x" * 16_383)

        burst = LINK_WINDOW // 16_384  # what an honest peer's credit lets it send at once

    class Patient(LinkAttempt):
        async def _measure(self) -> None:
            await until(lambda: self.exchange.waiting >= Eager.burst or self.over)
            await super()._measure()

    relay = Relay()
    good = Node(relay, agent("bob").me(), driver=evil(Patient))
    bad = Node(relay, agent("alice").me(), driver=evil(Eager))
    try:
        await good.start()
        await bad.start()
        bad.driver.want("bob")
        await good.listener.until(lambda: len(good.listener.frames) == Eager.burst)
    finally:
        await ends(good, bad)

    class Greedy(Eager):
        burst = EARLY_BYTES // 16_384 + 1

    class Slow(LinkAttempt):
        async def _measure(self) -> None:
            await until(lambda: self.over)

    relay = Relay()
    good = Node(relay, agent("bob").me(), driver=evil(Slow))
    bad = Node(relay, agent("alice").me(), driver=evil(Greedy))
    try:
        await good.start()
        await bad.start()
        bad.driver.want("bob")
        assert "wait" in (await told(relay, good)).message
    finally:
        await ends(good, bad)


async def test_a_member_revoked_between_offer_and_hello_gets_no_link():
    relay = Relay()
    good, bad = Node(relay, agent("bob").me()), Node(relay, agent("alice").me())
    gone = Revocation(good.me.mesh, "default", "alice", 1, NOW, 1)
    relay.bend.change(lambda _: good.me.book.revoke(None, gone) and None, Answer)
    try:
        await good.start()
        await bad.start()
        bad.driver.want("bob")
        assert (await told(relay, good)).code == "revoked"
        assert not good.listener.attached
    finally:
        await ends(good, bad)


class Mallory:
    """A member between two others: signs each one's description as its own (trust.md section 2)."""

    def __init__(self, relay: Relay) -> None:
        self.relay, self.me = relay, agent("mallory").me()
        self.id = self.me.id
        self.offer: Offer | None = None
        self.errors: list[SignalError] = []

    def take(self, frame: Any) -> None:
        match frame:
            case Offer():
                self.offer = frame
                made = Offer(
                    "zoe",
                    frame.sdp,
                    incarnation=self.me.incarnation,
                    peer_incarnation=self.relay.nodes["zoe"].me.incarnation,
                    attempt=1,
                    nonce=frame.nonce,
                    capabilities=frame.capabilities,
                )
                self._send(sign_opening(made, self.me))
            case Answer():
                assert self.offer
                made = Answer(
                    "alice",
                    frame.sdp,
                    incarnation=self.me.incarnation,
                    peer_incarnation=self.offer.incarnation,
                    attempt=1,
                    nonce=frame.nonce,
                    capabilities=frame.capabilities,
                )
                self._send(sign_reply(made, self.offer, self.me))
            case IceCandidate():
                frame.target_id = "zoe" if frame.peer_id == "alice" else "alice"
                frame.incarnation = self.me.incarnation
                frame.peer_incarnation = self.relay.nodes[frame.target_id].me.incarnation
                self._send(frame)
            case SignalError():
                self.errors.append(frame)

    def _send(self, frame: Any) -> None:
        frame.peer_id = self.id
        self.relay.deliver(frame)


async def test_misbinding_a_member_that_signs_anothers_fingerprint_as_its_own():
    relay = Relay()
    mallory = Mallory(relay)
    relay.nodes["mallory"] = mallory  # type: ignore[assignment]
    async with nodes("alice", "zoe", relay=relay) as (_, alice, zoe):
        alice.driver.want("mallory")
        error: MeshError = await alice.refusal("mallory")
        assert error.code == "bad_signature"
        await until(lambda: len(mallory.errors) >= 2)
        assert {e.peer_id for e in mallory.errors} == {"alice", "zoe"}
        assert not alice.listener.attached and not zoe.listener.attached


@pytest.mark.parametrize("engine", ["wrtc", "aiortc"])
async def test_another_certificate_than_the_signed_one_opens_no_channel(engine):
    """The engines refuse it in DTLS; where one would not, ``_greet`` does."""

    class Other(LinkAttempt):
        def _bind(self, *arguments: Any, **named: Any) -> None:
            super()._bind(*arguments, **named)
            assert self.exchange
            binding = self.exchange.binding
            other = msgspec.structs.replace(binding, peer_fingerprint=b"o" * 32)
            self.exchange.binding = other

    relay = Relay()
    good = Node(relay, agent("bob").me(), engine, driver=evil(Other))
    peer = Node(relay, agent("alice").me(), engine)
    try:
        await good.start()
        await peer.start()
        peer.driver.want("bob")
        said = await told(relay, good)
        assert said.code == "bad_signature" and "certificate" in said.message
        assert not good.listener.attached
    finally:
        await ends(good, peer)


async def test_a_hello_that_came_before_the_close_is_judged_after_it():
    """The end that is second to find a lie reads it when its engine has forgotten the certificate:
    it must name the lie all the same."""

    class Forgetful(LinkAttempt):
        def _greet(self) -> None:
            super()._greet()
            assert self.connection
            self.connection.remote_fingerprint = lambda: None  # type: ignore[method-assign]

    relay = Relay()
    good = Node(relay, agent("bob").me(), driver=evil(Forgetful))
    bad = Node(relay, agent("alice").me(), driver=evil(lying(fingerprint=b"w" * 32)))
    try:
        await good.start()
        await bad.start()
        bad.driver.want("bob")
        said = await told(relay, good)
        assert said.code == "bad_signature" and "differs in" in said.message
    finally:
        await ends(good, bad)


@pytest.mark.parametrize("after", [3, None], ids=["told-later", "never-told"])
async def test_a_path_waits_a_moment_for_its_peers_address(after, monkeypatch):
    """The engine hides an address that a check found before signaling told of it."""
    monkeypatch.setattr(link_attempt, "NAME_SECONDS", 0.02 if after is None else 0.9)
    asked = 0

    class Shy(LinkAttempt):
        async def read_stats(self) -> Any:
            nonlocal asked
            asked += 1
            self._gathered_at = 0.0
            stats = await super().read_stats()
            hidden = stats is not None and (after is None or asked < after)
            return msgspec.structs.replace(stats, remote_addr="") if hidden else stats

    relay = Relay()
    good = Node(relay, agent("bob").me(), driver=evil(Shy))
    peer = Node(relay, agent("alice").me())
    try:
        await good.start()
        await peer.start()
        await good.open(peer)
        where = good.listener.paths["alice"].where
        assert bool(where) == (after is not None) and asked >= (after or 1)
    finally:
        await ends(good, peer)


class Foreign(LinkAttempt):
    """Signs the fingerprint of another certificate than it connects with."""

    async def _connect(self) -> Connection:
        made = await super()._connect()
        for name in ("offer", "answer"):
            setattr(made, name, foreign(getattr(made, name)))
        return made

    def _state(self, state: str) -> None:
        """Says nothing of what it sees: the honest side has to."""


def foreign(describe: Any) -> Any:
    async def described(*given: str) -> str:
        sdp = await describe(*given)
        return re.sub(r"(sha-256 )..", r"\g<1>" + ("01" if "sha-256 00" in sdp else "00"), sdp)

    return described


@pytest.mark.parametrize(("good", "bad"), [("bob", "alice"), ("alice", "bob")])
async def test_another_certificate_than_the_signed_one_is_told_to_both(
    good: str, bad: str, caplog: pytest.LogCaptureFixture
):
    honest, liar, relay = await meet(Foreign, good, bad)
    said = await told(relay, honest)
    assert said.code == "bad_signature" and "certificate than it signed" in said.message
    assert f"no link to {bad}: " in caplog.text
    assert not honest.driver.peers[liar.id].open
    await ends(honest, liar)
