"""The login at the registry: kept up, spoken through, found again.

While the registry cannot be reached it is tried at most every 2 s, at each of its addresses; only
a refused login backs off, to 30 s; ``replaced`` ends it for good (links.md section 4), and so does
the owner's signed word that this member is out: a registry's word alone does not. Whoever waits for
an answer when the socket closes gets ``registry_unreachable``, outcome unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from chatixia.core.assertion import asserter
from chatixia.core.handshake import NONCE_BYTES
from chatixia.core.join import is_local
from chatixia.core.pins import version_of
from chatixia.core.ports import LocalIdentity
from chatixia.core.route import copy
from chatixia.errors import (
    MeshError,
    Overloaded,
    RegistryUnreachable,
    Replaced,
    Unavailable,
)
from chatixia.peer.ports import Access, RelayTraffic
from chatixia.peer.sessions.stop import closing
from chatixia.wire.base import encode
from chatixia.wire.peer import CAPABILITIES, SkillInfo
from chatixia.wire.signaling import (
    ANNOUNCE,
    Config,
    Goodbye,
    Heartbeat,
    PeerJoined,
    PeerLeft,
    PeerList,
    Ping,
    Pong,
    Register,
    RevokedPush,
    SignalError,
    VerbResult,
)
from chatixia.wire.trust import Signed
from chatixia.world import REAL, World

from .frames import LINK_FRAMES, MESH_FRAMES, RELAY_BYTES
from .liveness import LoginLiveness
from .login import (
    CLOSE_SECONDS,
    LoginConnection,
    NoAddress,
    NobodyListens,
    RevokedNotice,
    certificate,
    hang_up,
    name_of,
    numbers_of,
    read,
)
from .login_log import LoginLog
from .login_socket import Waiting
from .login_turns import login_in_turn
from .login_writer import LoginWriter
from .outbox import Outbox
from .reason import log_ended, refusal
from .requests import VerbRequests
from .revocations import RevocationReceiver

log = logging.getLogger("chatixia.peer")

RETRY: Final = (0.1, 0.5, 1.0, 2.0)
"""Seconds between rounds over the addresses; each is shortened by chance, up to half."""
REFUSED: Final = (2.0, 4.0, 8.0, 16.0, 30.0)
GOOD_SECONDS: Final = 30.0
"""A login that stood this long makes the next refusal the first one."""
GOODBYE_SECONDS: Final = 1.0
CLIENT_GOODBYE_SECONDS: Final = 0.1
"""A client is listed nowhere, and a person waits for its command to end."""
BATCH: Final = "batch/1"


class Signaling:
    """One principal's login: ``RegistryPort`` (``peer.ports``) for the mesh, ``Signals`` for links.

    Callbacks, all on the loop: ``on_push`` and ``on_state`` (mesh), ``on_signal`` and ``on_up``
    (links), ``on_config``, ``on_revoked`` (after a revocation was verified and kept),
    ``on_fault`` (the login ended for good), ``on_listed`` (an agent came, went or serves other
    skills: its id, "" where any may have). ``relay``: what else goes over the socket.
    """

    def __init__(
        self,
        me: LocalIdentity,
        *,
        world: World = REAL,
        description: str = "",
        hostname: str = "",
        mode: str = "",
        mcp_servers: Sequence[str] = (),
        announcements: bool = True,
        compat: Sequence[str] = (),
    ) -> None:
        self._me, self._world, self._compat = me, world, list(compat)
        self.extras = [BATCH, ANNOUNCE] if announcements else [BATCH]
        self._shown = (description[:1024], hostname[:128], mode[:64], list(mcp_servers)[:64])
        self._goodbye = CLIENT_GOODBYE_SECONDS if mode == "client" else GOODBYE_SECONDS
        self.on_push: Callable[[msgspec.Struct], None] = _ignore
        self.on_state: Callable[[bool], None] = _ignore
        self.on_signal: Callable[[msgspec.Struct], None] = _ignore
        self.on_up: Callable[[bool], None] = _ignore
        self.on_config: Callable[[Config], None] = _ignore
        self.on_revoked: Callable[[Signed], None] = _ignore
        self.on_fault: Callable[[MeshError], None] = _ignore
        self.on_listed: Callable[[str], None] = _ignore
        self.urls, self.url = list(me.registries), next(iter(me.registries), "")
        self.refusal: MeshError | None = None
        self.epoch = ""
        self.access: Access | None = None
        self._certificate = b""
        self._verbs = VerbRequests(self.send)
        self._skills: list[SkillInfo] = []
        self._registered: tuple[int, list[SkillInfo]] = (0, [])
        """Slots and skills as the login under way or standing names them."""
        self._slots = 0
        self._up = self._leaving = self._nobody = self._busy = False
        self._end: MeshError | None = None
        self._final: MeshError | None = None
        self._log = LoginLog(me.id, world.monotonic)
        self.relay: RelayTraffic | None = None
        self._outbox, self._liveness = Outbox(), LoginLiveness()
        self._revocations = RevocationReceiver(me, self._notify_revoked, self._finish)
        self.receive_revocation = self._revocations.receive
        self._wake = asyncio.Event()
        self._writer = LoginWriter(self._wake, self._following, self._over)
        self._moved = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- for the mesh

    @property
    def up(self) -> bool:
        """Whether the login stands now."""
        return self._up

    def start(self) -> None:
        """Begin to log in, and go on until :meth:`stop`."""
        self._task = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        """Say goodbye, give it a moment to leave, and end."""
        self.leave()
        task, self._task = self._task, None
        if task is None:
            return
        if self._up:
            await asyncio.wait({task}, timeout=self._goodbye)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def online(self, timeout: float, patience: float = inf) -> None:
        """Until the login stands. Raises the registry's refusal (Denied, NameTaken, Revoked,
        Replaced, UpgradeNeeded, WrongMesh, ...), or RegistryUnreachable after ``timeout`` s, and
        after ``patience`` s where every address refuses the connection: nobody is there."""
        began = self._world.monotonic()
        while not self._up and self.refusal is None:
            bound = min(timeout, patience) if self._nobody else timeout
            left = began + bound - self._world.monotonic()
            if left <= 0:
                break
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()
        if self._up:
            return
        if isinstance(self._end, NobodyListens) and not self._nobody:
            self._end = None  # of one address; another has not answered yet
        where = ", ".join(self.urls)
        reasons: list[MeshError | None] = [self.refusal, self._end]
        raise next(filter(None, reasons), RegistryUnreachable(f"{where} does not answer."))

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb's reply struct; raises its MeshError, RegistryUnreachable without a login."""
        if not self._up:
            raise self._end_reason(False) or RegistryUnreachable
        return await self._verbs.call(name, request, timeout)

    def _end_reason(self, sent: bool) -> MeshError | None:
        """Why the login is over by our side's will, or the owner's; None: it was only lost."""
        if self._leaving:
            return closing(sent)
        return copy(self._final) if self._final is not None else None

    def heartbeat(
        self, slots: int | None, skills: Sequence[Any] | None, leaving: bool = False
    ) -> None:
        """Tell free slots and changed skills at once; a later login tells them, too."""
        self._slots = self._slots if slots is None else slots
        self._skills = self._skills if skills is None else list(skills)
        self.send(Heartbeat(slots, None if skills is None else list(skills), leaving))

    # -- for the links

    def send(self, message: msgspec.Struct) -> bool:
        """Queue a frame. False: there is no login, or the queue is full; it will not go."""
        if not self._up:
            return False
        if not self._outbox.put(encode(message)):
            log.warning("the registry takes no more: a frame is dropped")
            return False
        self._wake.set()
        return True

    def flush(self) -> None:
        """The relay has something to send: now, if the socket takes it."""
        self._writer.push()

    def doubt(self) -> None:
        """This host slept, or has another address: a login that does not answer is made anew."""
        self._liveness.doubt()

    def leave(self) -> None:
        """This process stops: leave the list at once."""
        if not self._leaving:
            self.send(Goodbye())
            self._leaving = True
            self._wake.set()

    # -- keeping it

    async def _keep(self) -> None:
        fails = refused = 0
        while not self._over():
            began = self._world.monotonic()
            line = await self._round()
            if line is not None:
                try:
                    await self._serve(line)
                finally:
                    await hang_up(line.ws, self._goodbye if self._leaving else CLOSE_SECONDS)
                fails = 0
                if self._world.monotonic() - began >= GOOD_SECONDS:
                    refused = 0
            if self._over():
                break
            if self.refusal is not None or self._busy:
                wait, refused = REFUSED[min(refused, len(REFUSED) - 1)], refused + 1
            else:
                wait, fails = RETRY[min(fails, len(RETRY) - 1)], fails + 1
            await self._pause(wait)
        if self._final is not None and not self._leaving:
            self.refusal = self._final
            self._moved.set()
            self.on_fault(self._final)

    def _over(self) -> bool:
        return self._leaving or self._final is not None

    def _finish(self, error: MeshError) -> None:
        """This login is over for good."""
        self._final = error
        self._wake.set()

    async def _pause(self, seconds: float) -> None:
        """Wait, shortened by chance so that a mesh does not come back in one beat."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds * (1 - self._world.jitter() / 2)):
                while not self._leaving:
                    await self._wake.wait()
                    self._wake.clear()

    async def _round(self) -> LoginConnection | None:
        """Each address once, the one that worked last first, names that only mDNS knows last."""
        refused: MeshError | None = None
        refusals: set[bool] = set()  # of each host that answered, whether it refuses connections
        busy = False
        for url in sorted(self.urls, key=lambda url: (url != self.url, is_local(url))):
            if self._over():
                break
            token = self._world.token(NONCE_BYTES)
            try:
                numbers = await self._numbers(url, refusals == {True})
                return await login_in_turn(url, self._me, self._register(), token, numbers)
            except NoAddress as error:
                log.debug("%s", error)
                self._end = self._end if refusals == {True} else error
            except RegistryUnreachable as error:
                log.debug("%s", error)
                self._end = error
                refusals.add(isinstance(error, NobodyListens))
            except (Overloaded, Unavailable) as error:
                log.info("%s refuses for now: %s", url, error)
                self._end = error
                refusals.add(False)
                busy = busy or isinstance(error, Overloaded)
            except MeshError as error:
                refusals.add(False)
                if isinstance(error, RevokedNotice):
                    self._revocations.receive(error.statement)
                self._log.refused(url, error)
                refused = error
        self.refusal, self._nobody, self._busy = refused, refusals == {True}, busy
        self._moved.set()
        self._lost()
        return None

    async def _numbers(self, url: str, nobody: bool) -> list[str]:
        """A name's addresses. Until it has one it says nothing: if all others refused, ``nobody``
        is there, however long a resolver is silent."""
        if not name_of(url):
            return []
        self._nobody = nobody
        self._moved.set()
        numbers = await numbers_of(url)
        self._nobody = False
        return numbers

    def _lost(self) -> None:
        """A member's login is not there; a client ends with its command, so nobody is told."""
        if self._shown[2] == "agent" and self.epoch and not self._over():
            self._log.lost(self.url)

    def _register(self) -> Register:
        description, hostname, mode, servers = self._shown
        self._registered = self._slots, self._skills
        return Register(
            self._me.id,
            incarnation=self._me.incarnation,
            skills=self._skills,
            description=description,
            hostname=hostname,
            mode=mode,
            mcp_servers=servers,
            slots=self._slots,
            capabilities=[*CAPABILITIES, *self.extras],
            ns=self._me.ns,
            revocations=version_of(self._me.book.revocations),
            compat=self._compat,
        )

    async def _serve(self, line: LoginConnection) -> None:
        """One login, from its first frame to its last."""
        self._outbox.clear()
        self._reset_relay()
        self._up, self.refusal, self._end = True, None, None
        self._busy = False
        if self._registered != (self._slots, self._skills):  # changed while the login was made
            self.send(Heartbeat(self._slots, list(self._skills)))
        self.url, self.epoch = line.url, line.welcome.epoch
        self._certificate = certificate(line.ws)
        self._liveness.begin(line.ws)
        line.ws.take = self._relayed
        writer = asyncio.ensure_future(self._writer.run(line.ws))
        try:
            for statement in line.welcome.revoked:
                self._revocations.receive(statement)
            self._take(line.frames)
            self._notify(True)
            self._log.back(self.url)
            await self._read(line.ws)
        finally:
            self._up = False
            await self._liveness.end()
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
            self._verbs.broken(self._end_reason(True))
            self._notify(False)
            self._reset_relay()
        self._lost()  # not where this task is cancelled: then the program ends, no login

    def _reset_relay(self) -> None:
        if self.relay is not None:
            self.relay.reset()

    def _notify_revoked(self, statement: Signed) -> None:
        self.on_revoked(statement)

    def _notify(self, up: bool) -> None:
        self._moved.set()
        self.on_up(up)
        self.on_state(up)

    async def _read(self, ws: ClientConnection) -> None:
        try:
            while True:
                data = await ws.recv(decode=False)
                try:
                    self._take(list(read(data)))
                except MeshError as error:
                    log.warning("the registry sent what cannot be read: %s", error)
        except (ConnectionClosed, OSError) as closed:
            log_ended(log, self._me.id, closed, self._over())

    def _following(self) -> Waiting | None:
        """The next message, signaling before the relay; None: there is none."""
        if self._outbox:
            return self._outbox.batch(), True
        message = self.relay.next_message() if self.relay is not None else None
        return None if message is None else (message, False)

    def _relayed(self, message: bytes) -> bool:
        """Whether a binary message was the relay's."""
        if self.relay is None or message[:1] not in RELAY_BYTES:
            return False
        self.relay.receive(message)
        return True

    # -- what comes

    def _take(self, frames: list[Any]) -> None:
        for frame in frames:
            if isinstance(frame, VerbResult):
                self._verbs.result(frame)
            elif isinstance(frame, SignalError):
                self._error(frame)
            else:
                self._other(frame)

    def _other(self, frame: Any) -> None:
        if isinstance(frame, LINK_FRAMES):
            self.on_signal(frame)
        if isinstance(frame, MESH_FRAMES):
            self.on_push(frame)
        match frame:
            case PeerJoined():
                self.on_listed(frame.peer.id)
            case PeerLeft():
                self.on_listed(frame.peer_id)
            case PeerList():
                for info in frame.peers:
                    self.on_push(PeerJoined(info))
                self.on_listed("")
            case Config():
                self._configured(frame)
            case RevokedPush():
                self._revocations.receive(frame.statement)
            case Ping():
                self.send(Pong(frame.id))
            case _:
                pass

    def _error(self, error: SignalError) -> None:
        if self._verbs.error(error):
            return
        if error.ref == "register" and not error.peer_id:
            self._end = refusal(error)
            if isinstance(self._end, Replaced):
                self._finish(self._end)
            else:
                self.refusal = self._end
        else:
            self.on_signal(error)

    def _configured(self, config: Config) -> None:
        """The registry has proved itself, so its other addresses count, after my own."""
        extra = [url for url in config.addresses if url.startswith(("http://", "https://"))]
        self.urls = list(dict.fromkeys([*self._me.registries, *extra]))
        if config.token:
            self.access = Access(self.url, config.token, self._certificate, asserter(self._me))
        self.on_config(config)


def _ignore(*_: Any) -> None:
    pass
