"""What a logged-in socket sends: each frame to whom it concerns, errors back to its sender."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Annotated, Any, Final

import msgspec

from chatixia.core.rates import TokenBucket
from chatixia.errors import (
    BadRequest,
    Denied,
    MembershipExpired,
    MeshError,
    Overloaded,
    TooLarge,
    UnknownType,
)
from chatixia.registry.call import Listener, RequestContext
from chatixia.registry.meter import Meter
from chatixia.registry.requests import parse
from chatixia.registry.verbs import VerbDispatcher, allow
from chatixia.wire.base import decode, decoder, encode
from chatixia.wire.signaling import (
    MAX_FROM_REGISTRY,
    MAX_SIGNAL,
    Answer,
    Connect,
    DescribedSignal,
    FromAgent,
    Goodbye,
    Heartbeat,
    IceCandidate,
    Links,
    Offer,
    Ping,
    Pong,
    RelayOpen,
    RelayReady,
    SignalError,
    VerbCall,
    VerbResult,
)
from chatixia.wire.verb import Verb
from chatixia.wire.verbs import BY_NAME
from chatixia.world import EAGER, World

from .described import DescribedRoster
from .relay import Signal, refusal, relay, tag
from .relay_streams import RelayStreams
from .roster import Roster, reachable
from .socket import POLICY, Socket

MAX_VERBS: Final = 64
"""Verbs of one socket that may run at once; the next is answered ``busy``."""
FAULT_RATE: Final = (32.0, 1.0)
"""Bad frames: a burst, and the seconds for one more after it; then the socket is closed."""
MAX_ANSWER: Final = MAX_FROM_REGISTRY - 64 * 1024
SIGNAL_RATE: Final = (1000.0, 1 / 500)
DAMAGED: Final = frozenset({"bad_request", "unknown_type", "invalid", "too_large"})

MOST_REFS: Final = 64
FRAME_BYTES: Final = 16 * 1024
"""So many bytes of the relay count as one frame, where holders take turns."""

_VERB = re.compile(r'\{"type":"verb","id":"([^"\\]{1,64})"')
"""How a verb begins, for one in a message that no decoder reads to its end."""

_frames = decoder(FromAgent)
_batch = decoder(Annotated[list[msgspec.Raw], msgspec.Meta(max_length=256)])


class FrameHandler:
    """Handles one socket's frames. ``read`` never raises and never waits."""

    def __init__(
        self,
        socket: Socket,
        listener: Listener,
        roster: Roster,
        verbs: VerbDispatcher,
        meter: Meter,
        world: World,
        on_links: Callable[[Socket, Links], None],
        now: Callable[[], float],
        streams: RelayStreams,
        described: DescribedRoster,
    ) -> None:
        self._socket, self._listener = socket, listener
        self._streams, self._described = streams, described
        self._roster, self._verbs, self._meter = roster, verbs, meter
        self._world, self._on_links, self._now = world, on_links, now
        self._faults = TokenBucket(*FAULT_RATE, world.monotonic())
        self._signals = TokenBucket(*SIGNAL_RATE, world.monotonic())
        self._running: dict[asyncio.Task[None], Verb] = {}

    def read(self, text: str | bytes) -> int:
        """One message as it came; bytes are the relay's.

        Gives how many frames it held, or what many bytes count for."""
        if isinstance(text, bytes):
            self._streams.read(self._socket, text)
            return 1 + len(text) // FRAME_BYTES
        try:
            if text.startswith("["):
                parts: list[msgspec.Raw] = decode(_batch, text, MAX_SIGNAL)
                self._batch(parts)
                return len(parts)
            self._handle(decode(_frames, text, MAX_SIGNAL))
        except MeshError as error:
            for ref in _refs(text):
                self.fault(error, ref)
        return 1

    def _batch(self, parts: list[msgspec.Raw]) -> None:
        for part in parts:
            try:
                self._handle(decode(_frames, bytes(part), MAX_SIGNAL))
            except MeshError as error:
                self.fault(error, "frame")

    def fault(self, error: MeshError, ref: str, target: str = "") -> None:
        """Answer an error frame; too many damaged frames close the socket."""
        self._meter.refused("ws", error.code)
        self._socket.send(refusal(error, ref, target))
        if error.code in DAMAGED and not self._faults.take(self._world.monotonic()):
            self._socket.close(POLICY, "too many bad frames")

    def _handle(self, frame: Any) -> None:
        match frame:
            case VerbCall():
                self._verb(frame)
            case (
                Offer()
                | Answer()
                | IceCandidate()
                | Connect()
                | RelayOpen()
                | RelayReady()
                | DescribedSignal()
                | SignalError()
            ):
                self._signal(frame)
            case Heartbeat():
                self._heartbeat(frame)
            case Links() if not reachable(self._socket):
                self.fault(Denied("Only members with a key have links."), tag(frame))
            case Links():
                self._on_links(self._socket, frame)
            case Ping():
                self._socket.send(Pong(frame.id, int(self._now() * 1000)))
            case Goodbye():
                self._socket.clean = True
                self._socket.close(1000, "goodbye")
            case Pong():
                pass
            case _:
                self.fault(BadRequest("This socket is logged in already."), tag(frame))

    def _signal(self, frame: Signal | DescribedSignal) -> None:
        try:
            if not self._signals.take(self._world.monotonic()):
                raise Overloaded
            self._forward(frame)
        except MeshError as error:
            self.fault(error, tag(frame), frame.target_id)

    def _forward(self, frame: Signal | DescribedSignal) -> None:
        match frame:
            case DescribedSignal():
                self._described.from_agent(self._socket, frame)
            case RelayOpen():
                self._streams.open(self._socket, frame)
            case RelayReady():
                self._streams.ready(self._socket, frame)
            case _:
                relay(self._roster, self._socket, frame)

    def _heartbeat(self, frame: Heartbeat) -> None:
        if self._socket.leaving:
            return
        if frame.leaving:
            self._roster.leave(self._socket)
            return
        if frame.slots is not None and self._may_work():
            self._socket.slots = frame.slots
        if frame.skills is not None:
            self._roster.set_skills(self._socket, frame.skills)
        elif frame.slots is not None:
            self._roster.slots_changed(self._socket)

    def _may_work(self) -> bool:
        principal = self._socket.principal
        return principal is not None and principal.kind == "agent"

    # ---- verbs

    def _verb(self, frame: VerbCall) -> None:
        try:
            verb, call, request = self._request(frame)
        except MeshError as error:
            self.fault(error, frame.id)
            if isinstance(error, MembershipExpired):
                self._socket.close(POLICY, error.code)
            return
        self._spawn(verb, self._answer(verb, call, request, frame.id))

    def _request(self, frame: VerbCall) -> tuple[Verb, RequestContext, Any]:
        verb = BY_NAME.get(frame.verb)
        if verb is None or not verb.ws:
            raise UnknownType(f"There is no verb {frame.verb} on this socket.")
        if len(self._running) >= MAX_VERBS:
            raise Overloaded("Too many verbs at once on this socket.")
        self._check_still(verb)
        socket = self._socket
        call = RequestContext(socket.principal, socket.address, self._listener, socket.local)
        call.watch = self._watch
        allow(verb, call)
        return verb, call, parse(verb, bytes(frame.body))

    def _check_still(self, verb: Verb) -> None:
        """What may have changed since the login; a key-less socket does not claim at all."""
        socket = self._socket
        if 0 < socket.not_after < self._now():
            raise MembershipExpired("The membership has expired; log in again.")
        if socket.principal and socket.principal.kind == "key" and verb.name == "tasks.claim":
            raise Denied("A login without a key of its own may claim tasks over HTTP only.")

    async def _answer(self, verb: Verb, call: RequestContext, request: Any, ref: str) -> None:
        try:
            body = await self._verbs.run(verb, call, request)
            if len(body) > MAX_ANSWER:
                raise TooLarge("The answer is too large for one frame; ask for less, or over REST.")
        except MeshError as error:
            self._socket.send(refusal(error, ref))
        else:
            self._socket.send_bytes(encode(VerbResult(ref, msgspec.Raw(body))))

    def _watch(self) -> None:
        self._roster.watch(self._socket)

    def _spawn(self, verb: Verb, coro: Coroutine[Any, Any, None]) -> None:
        """Start now where Python can: a verb that does not wait costs no turn of the loop."""
        task: asyncio.Task[None] = asyncio.Task(coro, loop=asyncio.get_running_loop(), **EAGER)
        if not task.done():
            self._running[task] = verb
            task.add_done_callback(lambda task: self._running.pop(task, None))

    async def stop(self) -> None:
        """Their asker is gone: cancel the verbs that only read, and let the others finish."""
        reading = [task for task, verb in self._running.items() if verb.method == "GET"]
        for task in set(self._running).difference(reading):
            self._verbs.finish(task)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)


def _refs(text: str) -> list[str]:
    """What to name in the answer to a message that cannot be read: the verbs in it, so that
    nobody waits for them, else the frame."""
    ids = (verb[1] for verb in _VERB.finditer(text))
    return list(islice(ids, MOST_REFS)) or ["frame"]
