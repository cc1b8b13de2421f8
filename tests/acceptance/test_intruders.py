"""Who lies gets no link, and both sides hear a sentence; the same code without the lie links up.

Agents are real processes that log in through :class:`tests.lab.liar.Liar`; what it does to their
signaling, a registry could do. The attacker is :class:`tests.lab.hostile.Hostile` with the real
engine.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chatixia.assembly.membership.enrol import Credentials, enrol
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.profile.profile import Profile
from chatixia.core.openings import sign_opening, sign_reply
from chatixia.core.ports import LocalIdentity
from chatixia.core.record import key_id, read_record, sign_record
from chatixia.errors import MeshError
from chatixia.identity import SignKey
from chatixia.peer.engines import load
from chatixia.wire.registry import Serial
from chatixia.wire.signaling import Answer, Connect, Offer
from chatixia.wire.signed import b64, unb64
from chatixia.wire.trust import Signed
from tests.acceptance.harness import TestMesh
from tests.lab.hostile import Attempt, Hostile
from tests.lab.liar import Frame, Liar

LOW = "aaa"  # the lower id offers
Bend = Callable[[Any], Any]


@dataclass
class Scene:
    """A mesh behind a liar: workers, hostile peers, what they said."""

    net: TestMesh
    liar: Liar
    stack: AsyncExitStack

    @property
    def profile(self) -> Profile:
        return Profile.open(home=self.net.procs.home)

    async def workers(self, *names: str, **more: str) -> None:
        """Agents in processes of their own, logged in through the liar."""
        env = {"CHATIXIA_REGISTRY_URL": self.liar.url, **more}
        await asyncio.to_thread(lambda: self.net.several(*names, **env))

    def member(self, name: str, kind: Any = "agent") -> Credentials:
        """True keys and a true chain, from this machine."""
        who = enrol(self.profile, name, kind, ask_registry=lambda *_: Unknown)
        self.stack.enter_context(closing(who))
        return who

    def hostile(self, me: LocalIdentity) -> Hostile:
        """Somebody with a real engine whom only the liar carries."""
        made = Hostile(me, self.liar.ghost(me.id), load("wrtc"))
        self.stack.push_async_callback(made.close)
        return made

    async def says(self, worker: str, pattern: str) -> None:
        """Wait for a sentence of a worker."""
        process = self.net.workers[worker]
        await asyncio.to_thread(process.wait_for, pattern, 20)

    async def links(self, worker: str) -> set[str]:
        """To whom a worker has links, as it says itself."""
        async with self.net.client() as mesh:
            return {link["peer"] for link in await mesh.agent(worker).links()}

    async def refused(self, attempt: Attempt, code: str, sentence: str) -> None:
        """Assert: no link, a coded sentence to the attacker, and the same in the agent's log."""
        said = await attempt.refusal()
        assert (said["code"], bool(re.search(sentence, said["message"]))) == (code, True), said
        await self.says(attempt.to, f"no link to {attempt.owner.me.id}: .*{sentence}")
        assert attempt.owner.me.id not in await self.links(attempt.to)

    async def cannot_connect(self, attempt: Attempt) -> None:
        """Assert: the descriptions are taken, the handshake fails, and both sides hear why."""
        connecting = asyncio.ensure_future(attempt.connect())
        who = {"peer_id": attempt.to, "attempt": attempt.number}
        said = await attempt.owner.wire.next("error", **who)
        assert said["code"] == "bad_signature", said
        sentence = "showed another certificate|connected with another certificate"
        assert re.search(sentence, said["message"]), said
        await self.says(attempt.to, f"no link to {attempt.owner.me.id}: .*({sentence})")
        assert attempt.owner.me.id not in await self.links(attempt.to)
        assert not attempt.got
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)

    async def refused_but_linked(self, attempt: Attempt, code: str, sentence: str) -> None:
        """Assert a refusal that leaves the living link alone."""
        said = await attempt.refusal()
        assert (said["code"], bool(re.search(sentence, said["message"]))) == (code, True), said
        await self.says(attempt.to, f"no link to {attempt.owner.me.id}: .*{sentence}")
        assert attempt.owner.me.id in await self.links(attempt.to)

    async def linked(self, attempt: Attempt) -> None:
        """Assert the positive control: both hellos hold, and the agent lists the link."""
        await attempt.link()
        attempt.channel.send(b'{"s":1,"a":0,"m":[{"type":"ping","request_id":"p"}]}')
        assert b'"pong"' in await attempt.frame(lambda data: b"pong" in data)
        assert attempt.owner.me.id in await self.links(attempt.to)


Unknown = Serial("unknown")


@pytest.fixture
async def scene(net: TestMesh) -> AsyncIterator[Scene]:
    net.up()
    async with Liar(net.port) as liar, AsyncExitStack() as stack:
        yield Scene(net, liar, stack)
        for worker in net.workers.values():
            await asyncio.to_thread(worker.kill)


# ---- a registry that invents members


def invented(scene: Scene, name: str, signer: SignKey, above: list[Signed]) -> LocalIdentity:
    """``name`` with keys of its own and a record that ``signer`` signs, over a true chain."""
    me, mine, seal = scene.member(f"model-{name}").me(), SignKey.generate(), SignKey.generate()
    record = read_record(unb64(me.chain[0].b))
    record = replace(
        record, id=name, sign=b64(mine.public), seal=b64(seal.public), by=key_id(signer.public)
    )
    chain = [sign_record(record, signer.sign), *above]
    return replace(me, id=name, chain=chain, public=mine.public, sign=mine.sign)


async def test_a_registry_that_invents_a_member_is_refused_by_every_peer(scene: Scene):
    await scene.workers("b", "w")
    registry = scene.profile.registry_identity()
    own = invented(scene, LOW, registry.sign, list(registry.chain))
    forged = invented(scene, "aab", SignKey.generate(), scene.profile.machine_chain)
    for me, code in ((own, "bad_chain"), (forged, "bad_(chain|signature)")):
        ghost = scene.hostile(me)
        for worker in ("b", "w"):
            await scene.liar.joined(worker, me.id, me.incarnation)
            said = await (attempt := await ghost.offer(worker)).refusal()
            assert re.fullmatch(code, said["code"]) and said["message"], said
            await scene.says(worker, f"no link to {me.id}: ")
            assert me.id not in await scene.links(worker), attempt
    true = scene.hostile(scene.member("aac").me())
    for worker in ("b", "w"):
        await scene.linked(await true.offer(worker))


async def test_an_invented_member_that_is_asked_gets_no_link_either(scene: Scene):
    await scene.workers("b")
    registry = scene.profile.registry_identity()
    for me, true in (
        (invented(scene, "x1", registry.sign, list(registry.chain)), False),
        (scene.member("x2").me(), True),
    ):
        ghost = scene.hostile(me)
        await scene.liar.joined("b", me.id, me.incarnation)
        await ghost.say(connect_to("b", me))
        attempt = await ghost.answer(await ghost.wire.next("offer", peer_id="b"))
        await (scene.linked(attempt) if true else scene.refused(attempt, "bad_chain", "registry"))


def connect_to(target: str, me: LocalIdentity) -> Any:
    return Connect(target, incarnation=me.incarnation)


# ---- what one member can do to another's name, and to the protocol


def another_print(sdp: str) -> str:
    return re.sub(r"(sha-256 )..", r"\g<1>00" if "sha-256 00" not in sdp else r"\g<1>01", sdp)


def two_prints(sdp: str) -> str:
    line = re.search(r"a=fingerprint:.*\r\n", sdp)
    assert line
    return sdp.replace(line[0], line[0] + another_print(line[0]))


def audio(sdp: str) -> str:
    lines = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n"
    return sdp + lines


def swapped(offer: Any) -> Any:
    return replace(offer, sdp=another_print(offer.sdp))


def broken(offer: Any) -> Any:
    return replace(offer, chain=[offer.chain[0], *offer.chain[2:]])


def cut(offer: Any) -> Any:
    return replace(offer, chain=offer.chain[:-1])


def no_chain(offer: Any) -> Any:
    return replace(offer, chain=[], sig="")


LIES: dict[str, tuple[dict[str, Bend], str, str]] = {
    "swapped fingerprint": ({"bend": swapped}, "bad_signature", "is not signed by"),
    "two fingerprints": ({"sdp": two_prints}, "bad_request", "2 fingerprint lines"),
    "audio section": ({"sdp": audio}, "bad_request", "2 media sections"),
    "broken chain": ({"bend": broken}, "bad_chain", ""),
    "cut chain": ({"bend": cut}, "bad_chain", ""),
    "unsigned": ({"bend": no_chain}, "bad_chain", ""),
}


@pytest.mark.parametrize("lie", LIES)
async def test_an_offer_that_lies_makes_no_link(scene: Scene, lie: str):
    bends, code, sentence = LIES[lie]
    await scene.workers("w")
    mallory = scene.hostile(scene.member(LOW).me())
    await scene.refused(await mallory.offer("w", **bends), code, sentence)
    await scene.linked(await mallory.offer("w"))


@pytest.mark.parametrize("engine", ["wrtc", "aiortc"])
async def test_a_signed_fingerprint_of_another_certificate_makes_no_link(scene: Scene, engine: str):
    """Nothing is wrong with it but that the handshake shows another certificate."""
    await scene.workers("b", "w", CHATIXIA_ENGINE=engine)
    mallory = scene.hostile(scene.member(LOW).me())
    attempt = await mallory.offer("w", sdp=another_print)
    await scene.cannot_connect(attempt)
    # The other way about: the honest side offers, and the answer lies.
    me = scene.member("x1").me()
    ghost = scene.hostile(me)
    await scene.liar.joined("b", me.id, me.incarnation)
    await ghost.say(connect_to("b", me))
    said = await ghost.wire.next("offer", peer_id="b")
    await scene.cannot_connect(await ghost.answer(said, sdp=another_print))
    await scene.linked(await mallory.offer("w"))


async def test_a_foreign_key_and_anothers_chain_make_no_link(scene: Scene):
    await scene.workers("w")
    me, other = scene.member(LOW).me(), scene.member("aab").me()
    foreign = replace(me, sign=SignKey.generate().sign)
    await scene.refused(await scene.hostile(foreign).offer("w"), "bad_signature", "not signed by")
    stolen = replace(me, chain=other.chain)
    await scene.refused(
        await scene.hostile(stolen).offer("w"), "bad_signature", "shows the record of aab"
    )
    await scene.linked(await scene.hostile(me).offer("w"))


async def test_a_registry_that_bends_what_it_relays_carries_no_link(scene: Scene):
    await scene.workers("a", "b")
    chain = msgspec.to_builtins(scene.member("ccc").me().chain)
    lies: dict[str, dict[str, Any]] = {"fingerprint": {}, "chain": {"chain": chain}}
    for lie, change in lies.items():

        def rewrite(who: str, way: str, frame: Frame, change: Any = change) -> list[Frame]:
            if way == "down" and frame["type"] == "offer":
                return [{**frame, **(change or {"sdp": another_print(frame["sdp"])})}]
            return [frame]

        scene.liar.rewrite = rewrite
        assert await carried(scene) == "bad_signature", lie
        await scene.says("b", "no link to a: ")
        await scene.says("a", "b: no link: ")
    # Swapped in the answer, it is the offerer who sees it.
    scene.liar.rewrite = lambda who, way, frame: [
        {**frame, "sdp": another_print(frame["sdp"])}
        if (way, frame["type"], frame.get("peer_id")) == ("down", "answer", "b")
        else frame
    ]
    assert await carried(scene) == "bad_signature"
    await scene.says("a", "no link to b: .*answer is not signed by b")
    await scene.says("b", "a: no link: ")


async def carried(scene: Scene) -> str:
    """How a's first call to b goes, both being fresh processes: its tier, or the error's code."""
    for name in ("a", "b"):
        scene.net.workers[name].kill()
    await scene.workers("a", "b")
    async with scene.net.client() as mesh:
        try:
            tiers: dict[str, str] = await mesh.agent("a").echoes(others=["b"], data="x")
            went = tiers["b"]
        except MeshError as error:
            went = error.code
    assert (went == "direct") == ("b" in await scene.links("a"))
    return went


async def test_a_registry_that_relays_carries_a_link(scene: Scene):
    """The control of the one above."""
    await scene.workers("a", "b")
    assert await carried(scene) == "direct"


# ---- replay and reflection


async def test_replayed_and_reflected_offers_do_nothing(scene: Scene):
    await scene.workers("b", "w")
    mallory = scene.hostile(scene.member(LOW).me())
    await scene.linked(first := await mallory.offer("w"))
    await mallory.say(first.offer)
    await scene.refused_but_linked(first, "denied", "attempt 1 again")
    first.channel.send(b'{"s":2,"a":0,"m":[{"type":"ping","request_id":"q"}]}')
    await first.frame(lambda data: b'"q"' in data)
    # To another, and back to its own maker under another's name.
    for to, claimed in (("b", LOW), ("w", "aab")):
        ghost = scene.liar.ghost(claimed)
        offer = msgspec.to_builtins(first.offer)
        incarnation = ghost.incarnation_of(to)
        await ghost.send({**offer, "target_id": to, "peer_incarnation": incarnation})
        said = await ghost.next("error", peer_id=to)
        assert said["code"] == "bad_signature", said
        await scene.says(to, f"no link to {claimed}: ")
    # To the process that came after the one it was made for.
    scene.net.workers["w"].kill()
    await scene.workers("w")
    await mallory.say(first.offer)
    assert (await mallory.wire.next("error", peer_id="w"))["code"] == "peer_restarted"
    assert LOW not in await scene.links("w")
    await scene.linked(await mallory.offer("w"))


async def test_an_agents_own_offer_comes_back_to_it_in_vain(scene: Scene):
    await scene.workers("b")
    for name in ("x1", "x2"):
        me = scene.member(name).me()
        ghost = scene.hostile(me)
        await scene.liar.joined("b", me.id, me.incarnation)
        await ghost.say(connect_to("b", me))
        said = await ghost.wire.next("offer", peer_id="b")
        if name == "x2":
            await scene.linked(await ghost.answer(said))
            continue
        for turned in (said, {**said, "peer_incarnation": said["incarnation"]}):
            back = {**turned, "target_id": "b", "incarnation": me.incarnation}
            await ghost.wire.send(back)
            refusal = await ghost.wire.next("error", peer_id="b", ref="offer")
            assert refusal["code"] in ("denied", "peer_restarted", "bad_signature"), refusal
        await scene.says("b", "no link to x1: ")
        assert "x1" not in await scene.links("b")


# ---- misbinding: a member signs another's fingerprint as its own


async def test_misbinding_is_seen_at_both_ends(scene: Scene):
    """`m` stands between `a` and `z` with their own descriptions; DTLS runs from a to z, and each
    would believe that it talks to m."""
    await scene.workers("a", "z")
    me = scene.member("m").me()
    mallory = scene.hostile(me)
    await scene.liar.joined("a", "m", me.incarnation)
    await mallory.say(connect_to("a", me))
    from_a = msgspec.convert(await mallory.wire.next("offer", peer_id="a"), Offer, strict=False)
    to_z = sign_opening(
        replace(
            from_a,
            target_id="z",
            incarnation=me.incarnation,
            attempt=1,
            peer_incarnation=mallory.wire.incarnation_of("z"),
            nonce=b64(bytes(16)),
        ),
        me,
    )
    await mallory.say(to_z)
    mallory.number = 1
    from_z = msgspec.convert(await mallory.wire.next("answer", peer_id="z"), Answer, strict=False)
    to_a = sign_reply(
        replace(
            from_z,
            target_id="a",
            incarnation=me.incarnation,
            attempt=from_a.attempt,
            peer_incarnation=from_a.incarnation,
        ),
        from_a,
        me,
    )
    await mallory.say(to_a)
    passing = [
        asyncio.ensure_future(pass_candidates(mallory, me, here, there, attempt))
        for here, there, attempt in (("a", "z", 1), ("z", "a", from_a.attempt))
    ]
    for name in ("a", "z"):
        said = await mallory.wire.next("error", peer_id=name)
        # The end that is second may find the connection, and its certificate, gone already.
        sentence = "(The hello of m differs|m connected with another certificate)"
        assert said["code"] == "bad_signature" and re.match(sentence, said["message"]), said
        await scene.says(name, f"no link to m: {sentence}")
        assert "m" not in await scene.links(name)
    for each in passing:
        each.cancel()
    await asyncio.gather(*passing, return_exceptions=True)
    await scene.linked(await mallory.offer("z"))


async def pass_candidates(
    mallory: Hostile, me: LocalIdentity, here: str, there: str, attempt: int
) -> None:
    """What `here` says to m goes to `there` as m's own."""
    while True:
        said = await mallory.wire.next("ice_candidate", peer_id=here)
        incarnation = mallory.wire.incarnation_of(there)
        mine = {"incarnation": me.incarnation, "peer_incarnation": incarnation}
        await mallory.wire.send({**said, "target_id": there, "attempt": attempt, **mine})


# ---- another machine's record for a pinned name


async def test_another_machines_higher_record_for_a_pinned_name_is_refused(
    scene: Scene, tmp_path: Path
):
    await scene.workers("w")
    await scene.linked(await scene.hostile(scene.member(LOW).me()).offer("w"))  # pinned from now on
    invited = await asyncio.to_thread(invite, scene.profile, "pi")
    far = await asyncio.to_thread(join, invited.string, home=tmp_path / "pi")
    for name in (LOW, "aab"):
        who = enrol(far, name, ask_registry=lambda *_: Unknown)
        scene.stack.enter_context(closing(who))
        machine, _ = far.machine_keys()
        record = replace(read_record(unb64(who.chain[0].b)), serial=1000)
        chain = [sign_record(record, machine.sign), *who.chain[1:]]
        attempt = await scene.hostile(replace(who.me(), chain=chain)).offer("w")
        if name == LOW:
            said = await attempt.refusal()
            assert said["code"] == "name_taken", said
            await scene.says("w", f"no link to {LOW}: The name {LOW} is taken by another key")
        else:
            await scene.linked(attempt)
