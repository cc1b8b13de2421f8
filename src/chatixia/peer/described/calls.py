"""Requests both ways over links with described peers: one message asks, one answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from chatixia.background import BackgroundTasks
from chatixia.core import described, route
from chatixia.core.budget import PeerBudget, ResourceBudget
from chatixia.core.ports import (
    ArtifactSource,
    CallAnswer,
    Handler,
    Incoming,
    Outgoing,
    Pong,
    Stream,
)
from chatixia.errors import (
    BadArguments,
    DeadlineExceeded,
    HopLimit,
    MeshError,
    Overloaded,
    SkillFailed,
    TooLarge,
    UnknownSkill,
    Unreachable,
)
from chatixia.ids import AgentId
from chatixia.peer.sessions.stop import stopping
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.peer import MAX_HOPS, MeshMessage, Status
from chatixia.world import World

from .links import DescribedLinks
from .stream import DescribedStream

log = logging.getLogger("chatixia.peer")

MAX_ID: Final = 64
"""Characters of a request's id."""
MOST_PENDING: Final = 1024
"""Requests of ours to all described peers."""


class DescribedResponder:
    """``core.ports.Responder`` for a described request. An answer that is too large, or holds
    files, is an error instead."""

    def __init__(self, send: Callable[[bytes, str], None]) -> None:
        self._send = send
        self.done = False

    def reply(self, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> None:
        """End with JSON bytes."""
        if not self.done:
            self.done = True
            self._send(result, "")

    def fail(self, error: MeshError) -> None:
        """End with an error."""
        if not self.done:
            self.done = True
            self._send(b'""', error.message)

    async def lend(self, artifacts: Sequence[ArtifactSource]) -> tuple[ArtifactInfo, ...]:
        """There is no way to pull them. Raises BadArguments."""
        raise BadArguments("A described peer takes no files.")

    async def item(
        self, chunk: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        """No described request asks for a stream."""

    def progress(self, fraction: float, note: str) -> None:
        """That contract has no word for it."""


class DescribedCalls:
    """All of one mesh; none where ``links`` is None. ``handler`` serves requests, ``skills``
    describes them; ``statuses``: what peers say of themselves. ``stopping``: no more work is taken;
    ``over``: nobody is asked any more."""

    def __init__(
        self, me: AgentId, links: DescribedLinks | None, budget: ResourceBudget, world: World
    ) -> None:
        self._me, self.links, self._budget, self._world = me, links, budget, world
        self.handler: Handler = _unserved
        self.skills: Callable[[Any], bytes] = lambda body: b"{}"
        self.statuses: dict[str, Status] = {}
        self.stopping = self.over = False
        self._pending: dict[tuple[str, str], asyncio.Future[MeshMessage]] = {}
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._accounts: dict[str, PeerBudget] = {}
        self._tasks = BackgroundTasks()
        if links is not None:
            links.on_text, links.on_open, links.on_close = self.received, self._opened, self._closed

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """Handlers at work."""
        return list(self._running.values())

    @property
    def waiting(self) -> int:
        """Requests of ours that are open."""
        return len(self._pending)

    # -- asking

    def is_here(self, name: str) -> bool:
        """Whether that peer is connected, or a link with it is open."""
        return self.links is not None and not self.over and self.links.is_here(name)

    async def call(self, outgoing: Outgoing) -> CallAnswer | None:
        """The answer of a described peer, or None where no link with it carries the call: its time
        is what is left then. Raises what its answer says, HopLimit, DeadlineExceeded."""
        target = outgoing.target
        links = self.links
        if links is None or outgoing.timeout <= 0 or not self.is_here(target):
            return None
        if outgoing.queue == "only" or outgoing.artifacts:
            return None
        if len(outgoing.path) >= MAX_HOPS:
            raise HopLimit(agent=target)
        began = self._world.monotonic()
        opened = await links.reach(target, route.patience(outgoing.timeout, outgoing.reach))
        waited = self._world.monotonic() - began
        rid = outgoing.key or self._world.token(6).hex()
        try:
            text = described.request(outgoing, rid, self._me) if opened else ""
        except TooLarge:
            if outgoing.queue == "never":
                raise
            text = ""
        if not text:
            outgoing.timeout -= waited
            return None
        via = links.tier(target)
        message = await self._ask(links, target, rid, text, outgoing.timeout - waited)
        value = described.value_of(message, outgoing)
        ms = 1000 * (self._world.monotonic() - began)
        return CallAnswer(value, via, ms, target, 1000 * waited if waited else None)

    async def _ask(
        self, links: DescribedLinks, target: str, rid: str, text: str, seconds: float
    ) -> MeshMessage:
        if len(self._pending) >= MOST_PENDING or (target, rid) in self._pending:
            raise Overloaded("Too many calls to described peers are open.", agent=target)
        waiter: asyncio.Future[MeshMessage] = asyncio.get_running_loop().create_future()
        self._pending[target, rid] = waiter
        try:
            links.send(target, text)
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            raise DeadlineExceeded(agent=target, outcome="unknown") from None
        finally:
            self._pending.pop((target, rid), None)

    def stream(self, outgoing: Outgoing, otherwise: Callable[[], Stream]) -> Stream:
        """The answer as a stream of one item; ``otherwise`` where :meth:`call` gives None."""
        return DescribedStream(partial(self.call, outgoing), otherwise)

    async def ping(self, target: AgentId, timeout: float) -> Pong | None:
        """A round trip, if there is a link or one opens; the reference implementation answers
        none. Raises DeadlineExceeded."""
        links = self.links
        if links is None or not self.is_here(target) or not await links.reach(target, timeout):
            return None
        began, rid = self._world.monotonic(), self._world.token(6).hex()
        ping = described.message_text("ping", rid, self._me, target, {})
        await self._ask(links, target, rid, ping, timeout)
        return Pong(target, links.tier(target), 1000 * (self._world.monotonic() - began))

    # -- what comes

    def received(self, peer: str, text: str) -> None:
        """A text frame of a peer whose link is open. Never raises."""
        try:
            message = described.read(text)
            if len(message.request_id) > MAX_ID:
                raise BadArguments("The request_id is too long.")
            self._read(peer, message)
        except MeshError as error:
            log.debug("a message of %s is dropped: %s", peer, error)
            self._links().fault(peer)

    def _read(self, peer: str, message: MeshMessage) -> None:
        if described.is_answer(message):
            waiter = self._pending.get((peer, message.request_id))
            if waiter is not None and not waiter.done():
                waiter.set_result(message)
        elif message.type == "ping":
            self._answer(peer, message, b"{}")
        elif message.type in described.KINDS:
            self._serve(peer, message)

    def _serve(self, peer: str, message: MeshMessage) -> None:
        try:
            work = described.work_of(message)
            if work.kind == "status":
                self.statuses[peer] = msgspec.json.decode(work.body, type=Status)
                return
            if self.stopping:
                raise stopping(self._me, "definite")
            if work.kind == "skills":
                self._answer(peer, message, self.skills(work.body))
                return
            self._start(peer, message, work)
        except MeshError as error:
            self._answer(peer, message, b'""', error.message)

    def _start(self, peer: str, message: MeshMessage, work: described.DescribedWork) -> None:
        rid = message.request_id or self._world.token(6).hex()
        account = self._accounts.get(peer)
        if (peer, rid) in self._running:
            return  # it is at work, and answers once
        if account is None or not account.admit():
            raise Overloaded(agent=self._me)
        incoming = Incoming(
            AgentId(peer),
            rid,
            work.kind,
            work.skill,
            work.body,
            False,
            (peer,),
            self._world.monotonic() + work.seconds,
            "",
            self._links().tier(peer),
            rid,
            holder=account.holder,
        )
        run = self._run(incoming, message, work.seconds, account)
        task = self._running[peer, rid] = self._tasks.spawn(run)
        task.add_done_callback(lambda _: self._running.pop((peer, rid), None))

    async def _run(
        self, incoming: Incoming, message: MeshMessage, seconds: float, account: PeerBudget
    ) -> None:
        peer = incoming.caller

        def send(value: bytes, error: str) -> None:
            self._answer(peer, message, value, error)

        responder = DescribedResponder(send)
        try:
            async with asyncio.timeout(seconds):
                await self.handler(incoming, responder)
        except TimeoutError:
            responder.fail(DeadlineExceeded(agent=self._me))
        except UnknownSkill:
            responder.fail(UnknownSkill(f"unknown skill: {incoming.skill}"))
        except MeshError as error:
            responder.fail(error)
        except asyncio.CancelledError:
            responder.fail(stopping(self._me))
            raise
        except Exception as error:
            log.error("a handler failed with %s", type(error).__name__)
            log.debug("a handler failed", exc_info=error)
        finally:
            account.run(-1)
            responder.fail(SkillFailed(agent=self._me))

    def _answer(self, peer: str, question: MeshMessage, value: bytes, error: str = "") -> None:
        """Answer, if somebody waits: a message without an id wants none."""
        if not question.request_id:
            return
        try:
            try:
                text = described.answer(question, self._me, peer, value, error)
            except TooLarge as large:
                text = described.answer(question, self._me, peer, b'""', large.message)
            self._links().send(peer, text)
        except Unreachable as lost:
            log.info("an answer to %s is lost: %s", peer, lost)

    def _links(self) -> DescribedLinks:
        assert self.links is not None
        return self.links

    # -- links that come and go

    def _opened(self, peer: str) -> None:
        self._accounts.setdefault(peer, PeerBudget(self._budget, peer))

    def _closed(self, peer: str) -> None:
        """Nobody waits for its requests any more, and nobody answers ours."""
        for (name, _), waiter in list(self._pending.items()):
            if name == peer and not waiter.done():
                text = f"The link with {peer} was lost."
                waiter.set_exception(Unreachable(text, agent=AgentId(peer), outcome="unknown"))
        for (name, _), task in list(self._running.items()):
            if name == peer:
                task.cancel()
        account = self._accounts.pop(peer, None)
        if account is not None:
            account.close()
        self.statuses.pop(peer, None)

    async def stop(self) -> None:
        """Cancel what runs, say why, and close the links."""
        self.stopping = True
        await self._tasks.stop()
        if self.links is not None:
            await self.links.stop()


async def _unserved(incoming: Any, responder: Any) -> None:
    """The handler of who serves nothing."""
    raise UnknownSkill("This peer serves no skills.")
