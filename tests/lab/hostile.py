"""A peer that does not keep to the protocol: the real engine, and every word bent as a test likes.

    attempt = await hostile.offer("w", sign=lambda o: o)     # or `bend` after signing, or `sdp`
    said = await attempt.reply()                             # an answer, or why not
    await attempt.link()                                     # candidates, hello both ways
    attempt.channel.send(junk)

What is not bent is right, so the same code is the positive control.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from chatixia.core.handshake import HelloBinding, make_hello
from chatixia.core.openings import sign_opening, sign_reply
from chatixia.core.ports import LocalIdentity
from chatixia.core.sdp import scan, strip
from chatixia.peer.engines.base import Candidate, Channel, Connection, Engine, EngineRefused
from chatixia.wire import signed
from chatixia.wire.base import encode
from chatixia.wire.peer import CAPABILITIES, CHANNEL, HelloFrame
from chatixia.wire.signaling import Answer, IceCandidate, Offer

HANG = 20.0
Bend = Callable[[Any], Any]


def same(said: Any) -> Any:
    """Bend nothing."""
    return said


class Wire(Protocol):
    """The way to other agents: an honest login, or the liar's voice."""

    async def send(self, frame: dict[str, Any]) -> None: ...
    async def next(self, *kinds: str, **fields: Any) -> dict[str, Any]: ...
    def incarnation_of(self, agent: str) -> str: ...


class Hostile:
    """``me``: whom it claims to be, with whatever key and chain the test gave it."""

    def __init__(self, me: LocalIdentity, wire: Wire, engine: Engine) -> None:
        self.me, self.wire, self.engine = me, wire, engine
        self.number = 0
        self.attempts: list[Attempt] = []

    async def offer(
        self, to: str, *, sdp: Bend = same, sign: Bend = same, bend: Bend = same
    ) -> Attempt:
        """Offer a link. ``sdp`` bends the description, ``sign`` the offer before it is signed,
        ``bend`` what is sent."""
        self.number += 1
        made = await self._attempt(to, self.number)
        made.hold(made.connection.create_channel(CHANNEL))
        offer = Offer(
            to,
            sdp(strip(await made.connection.offer())),
            incarnation=self.me.incarnation,
            peer_incarnation=self.wire.incarnation_of(to),
            attempt=self.number,
            nonce=signed.b64(made.nonce),
            capabilities=list(CAPABILITIES),
        )
        made.offer = bend(sign_opening(sign(offer), self.me))
        await self.say(made.offer)
        return made

    async def answer(
        self, said: dict[str, Any], *, sdp: Bend = same, sign: Bend = same, bend: Bend = same
    ) -> Attempt:
        """Answer an offer that came, bent as :meth:`offer` is."""
        offer = msgspec.convert(said, Offer, strict=False)
        made = await self._attempt(offer.peer_id, offer.attempt)
        made.connection.on_channel = made.hold
        made.offer = offer
        answer = Answer(
            offer.peer_id,
            sdp(strip(await made.connection.answer(offer.sdp))),
            incarnation=self.me.incarnation,
            peer_incarnation=offer.incarnation,
            attempt=offer.attempt,
            nonce=signed.b64(made.nonce),
            capabilities=list(CAPABILITIES),
        )
        made.answer = bend(sign_reply(sign(answer), offer, self.me))
        await self.say(made.answer)
        return made

    async def say(self, message: msgspec.Struct) -> None:
        """Send a frame as it stands."""
        await self.wire.send(msgspec.to_builtins(message))

    async def _attempt(self, to: str, number: int) -> Attempt:
        made = Attempt(self, to, number, await self.engine.connection())
        self.attempts.append(made)
        return made

    async def close(self) -> None:
        """End every connection and all that it started."""
        await asyncio.gather(*(attempt.close() for attempt in self.attempts))
        await self.engine.close()


class Attempt:
    """One connection of a hostile peer. ``got``: what came over the channel, hello first."""

    def __init__(self, owner: Hostile, to: str, number: int, connection: Connection) -> None:
        self.owner, self.to, self.number, self.connection = owner, to, number, connection
        self.nonce = os.urandom(16)
        self.offer: Offer
        self.answer: Answer
        self.channel: Channel
        self.got: list[bytes] = []
        self.open, self.over, self.news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.tasks: set[asyncio.Task[Any]] = set()
        connection.on_candidate = self._found

    def hold(self, channel: Channel) -> None:
        """The call channel is there."""
        self.channel = channel
        channel.on_open, channel.on_close = self.open.set, self.over.set
        channel.on_message = self._heard
        if channel.state == "open":
            self.open.set()

    def _heard(self, data: bytes | str) -> None:
        self.got.append(data if isinstance(data, bytes) else data.encode())
        self.news.set()

    def _found(self, found: Candidate | None) -> None:
        self.spawn(
            self.owner.say(
                IceCandidate(
                    self.to,
                    found.candidate if found else "",
                    found.mid if found else None,
                    found.index if found else None,
                    incarnation=self.owner.me.incarnation,
                    peer_incarnation=self.owner.wire.incarnation_of(self.to),
                    attempt=self.number,
                )
            )
        )

    def spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def reply(self) -> dict[str, Any]:
        """``answer`` or ``error``: what the other side said to this attempt."""
        return await self.owner.wire.next("answer", "error", peer_id=self.to, attempt=self.number)

    async def refusal(self) -> dict[str, Any]:
        """The error that the other side sent; that it took the lie is known at once."""
        said = await self.reply()
        assert said["type"] == "error", f"{self.to} answers {self.owner.me.id}"
        return said

    async def connect(self) -> None:
        """Take the answer if one is due, pass candidates, and wait for the channel."""
        if not hasattr(self, "answer"):
            said = await self.reply()
            assert said["type"] == "answer", said
            self.answer = msgspec.convert(said, Answer, strict=False)
            await self.connection.accept(self.answer.sdp)
        self.spawn(self._candidates())
        async with asyncio.timeout(HANG):
            await self.open.wait()

    async def _candidates(self) -> None:
        wanted = {"peer_id": self.to, "attempt": self.number}
        while True:
            said = await self.owner.wire.next("ice_candidate", **wanted)
            text = said.get("candidate", "")
            given = Candidate(text, said.get("sdp_mid"), said.get("sdp_m_line_index"))
            with contextlib.suppress(EngineRefused):
                await self.connection.add_candidate(given if text else None)

    def binding(self) -> HelloBinding:
        """This connection as an honest peer would bind it."""
        me, mine = self.owner.me, self.offer.peer_id == self.owner.me.id
        theirs: Any = self.answer if mine else self.offer
        return HelloBinding(
            path="direct",
            mesh=me.mesh,
            me=me.id,
            peer=self.to,
            offerer=mine,
            nonce=self.nonce,
            peer_nonce=signed.unb64(theirs.nonce),
            incarnation=me.incarnation,
            peer_incarnation=theirs.incarnation,
            capabilities=CAPABILITIES,
            peer_capabilities=tuple(theirs.capabilities),
            fingerprint=self.connection.local_fingerprint(),
            peer_fingerprint=scan(theirs.sdp).fingerprint,
            offer_hash=signed.digest(self.offer.sdp),
            answer_hash=signed.digest(self.answer.sdp),
        )

    def hello(self) -> HelloFrame:
        """The hello that an honest peer would say."""
        return make_hello(self.binding(), self.owner.me)

    async def link(self, bend: Bend = same) -> None:
        """Connect and say hello; when this returns the other side has said its own."""
        await self.connect()
        self.channel.send(encode(bend(self.hello())))
        await self.frame(lambda data: b'"hello"' in data)

    async def frame(self, wanted: Callable[[bytes], bool]) -> bytes:
        """The first frame that came, or will come, for which ``wanted`` holds."""
        async with asyncio.timeout(HANG):
            while True:
                for data in self.got:
                    if wanted(data):
                        return data
                self.news.clear()
                await self.news.wait()

    async def close(self) -> None:
        """Let go of the connection."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.connection.close(0)
