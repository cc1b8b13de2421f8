"""Who is connected now: one live login per agent, any number of clients and watchers.

``Roster`` is the presence that the task dispatcher sees: push and skills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from chatixia.core.shares import RETRY_AFTER, ShareLimits, Shares, fits, holder_of
from chatixia.errors import Overloaded, Replaced, TooLarge
from chatixia.registry.roles import hears
from chatixia.wire.base import encode
from chatixia.wire.peer import MAX_SKILL_BYTES, SkillInfo
from chatixia.wire.signaling import Event, PeerJoined, PeerLeft, SignalError

from .socket import REPLACED, Socket

MOST_WATCHERS = 64
LISTED = frozenset({"agent"})


def epoch_key(epoch: str) -> tuple[int, ...]:
    """An epoch's order: (store generation, n)."""
    return tuple(int(part) for part in epoch.split(".") if part.isdigit())


class Roster:
    """Sockets by id. All methods run on the registry's loop and never wait."""

    def __init__(self, bounds: ShareLimits = ShareLimits()) -> None:  # noqa: B008 - frozen
        self._shares = Shares(bounds.sockets)
        self.schemas = Shares(bounds.schema_bytes)
        """Bytes of the skills of all agents, those that are away included."""
        self.make_room: Callable[[str, int], bool] = self.schemas.fits
        """Whether a holder may have so many bytes more, set by who can make room for them."""
        self._peers: dict[str, Socket] = {}
        self._people: dict[str, set[Socket]] = {}
        self._watchers: set[Socket] = set()
        self.changed: list[Callable[[Socket, str], None]] = []
        """Told of listed agents: (socket, "joined" | "left" | "skills" | "slots")."""
        self.ended: list[Callable[[Socket, bool], None]] = []
        """Told of every login that ended: (socket, whether a newer one replaced it)."""

    # ---- logins

    def admit(self, socket: Socket, greet: Callable[[], None] = lambda: None) -> None:
        """List a logged-in socket; an older login of the same id is told and closed.

        ``greet`` queues what the newcomer must read before anything that being listed brings.
        Raises Replaced if a newer login of the id is already here, Overloaded above its holder's
        share, TooLarge for skills that are too many.
        """
        old = self._peers.get(socket.id)
        if old is not None and epoch_key(old.epoch) > epoch_key(socket.epoch):
            raise Replaced
        self._admits(socket, old)
        if old is not None:
            self._forget(old)
            replace(old)
            self._end(old, True)
        greet()
        self._peers[socket.id] = socket
        self._shares.add(holder(socket))
        self.schemas.add(holder(socket), socket.skill_bytes)
        if listed(socket):
            self._tell(PeerJoined(socket.info()), socket)
            self._notify(socket, "joined")

    def _admits(self, socket: Socket, old: Socket | None) -> None:
        """Raise Overloaded above its holder's share; taking one's own place adds none."""
        same = old is not None and holder(old) == holder(socket)
        had = old.skill_bytes if old is not None and same else 0
        self._fits(socket, socket.skill_bytes, had)
        if same:
            return
        if not self._shares.fits(holder(socket)):
            raise Overloaded(
                "Too many agents and clients of this machine are connected.",
                retry_after=RETRY_AFTER,
            )

    def _fits(self, socket: Socket, size: int, had: int) -> None:
        """Whether skills of ``size`` bytes may stand for those of ``had``.

        Raises TooLarge for one agent, Overloaded above its holder's share of all.
        """
        if size > MAX_SKILL_BYTES:
            raise TooLarge(
                f"The skills of one agent with their schemas may have {MAX_SKILL_BYTES} bytes;"
                f" these have {size}."
            )
        if size > had and not self.make_room(holder(socket), size - had):
            raise Overloaded(
                "The skills of this machine's agents are too large together;"
                " shorten their schemas and descriptions.",
                retry_after=RETRY_AFTER,
            )

    def add_person(self, socket: Socket) -> None:
        """A browser; a person may have many."""
        self._people.setdefault(socket.id, set()).add(socket)

    def remove(self, socket: Socket) -> bool:
        """Forget a closed socket and tell the others; False if it was replaced before."""
        self._watchers.discard(socket)
        if socket in self._people.get(socket.id, ()):
            self._people[socket.id].discard(socket)
            self._end(socket, False)
            return True
        if self._peers.get(socket.id) is not socket:
            return False
        self._forget(socket)
        self._end(socket, False)
        left = PeerLeft(socket.id, socket.incarnation, socket.epoch, socket.clean)
        if listed(socket):
            self._tell(left, socket)
            self._notify(socket, "left")
        else:
            for peer in socket.contacts:
                self.push(peer, left)
        return True

    def leave(self, socket: Socket) -> None:
        """An agent stops: off the list, and told so, while its login goes on."""
        if self._peers.get(socket.id) is not socket or not listed(socket):
            return
        socket.skills, socket.slots, socket.leaving = (), 0, True
        self._tell(PeerLeft(socket.id, socket.incarnation, socket.epoch, True), socket)
        self._notify(socket, "left")

    def _forget(self, socket: Socket) -> None:
        del self._peers[socket.id]
        self._shares.add(holder(socket), -1)
        self.schemas.add(holder(socket), -socket.skill_bytes)

    def get(self, peer: str) -> Socket | None:
        """The live login of an id."""
        return self._peers.get(peer)

    def __iter__(self) -> Iterator[Socket]:
        return iter(list(self._peers.values()))

    def __len__(self) -> int:
        return len(self._peers)

    # ---- skills

    def set_skills(self, socket: Socket, skills: Sequence[SkillInfo]) -> None:
        """An agent's skills changed while it is connected; the same again are no news.

        Raises TooLarge and Overloaded, and then they are what they were.
        """
        if tuple(skills) == socket.skills:
            self.slots_changed(socket)
            return
        had, size = socket.skill_bytes, len(encode(skills))
        self._fits(socket, size, had)
        socket.learn(skills)
        if self._peers.get(socket.id) is socket:
            self.schemas.add(holder(socket), size - had)
            if listed(socket):
                self._tell(PeerJoined(socket.info()), socket)
                self._notify(socket, "skills")

    def slots_changed(self, socket: Socket) -> None:
        """An agent has more or fewer free slots."""
        if listed(socket) and self._peers.get(socket.id) is socket:
            self._notify(socket, "slots")

    # ---- presence, as the task dispatcher sees it

    def push(self, peer: str, message: msgspec.Struct, epoch: str = "") -> bool:
        """Queue a message on the sockets of an id (of one login, if ``epoch`` names it).

        Never waits; False if there is none or it is full.
        """
        socket, sent = self._peers.get(peer), False
        if socket is not None and epoch in ("", socket.epoch):
            sent = socket.send(message)
        for browser in tuple(self._people.get(peer, ())):
            if epoch in ("", browser.epoch):
                sent = browser.send(message) or sent
        return sent

    def online(self, agent: str) -> bool:
        """Whether the id has a live login."""
        return agent in self._peers

    def skills(self, agent: str) -> frozenset[str]:
        """Names of the skills of a connected agent."""
        socket = self._peers.get(agent)
        return frozenset(skill.name for skill in socket.skills) if socket else frozenset()

    def agents(self) -> Sequence[str]:
        """Ids of the connected agents."""
        return [socket.id for socket in self._peers.values() if listed(socket)]

    # ---- watchers

    def watch(self, socket: Socket) -> None:
        """Send every event of the mesh to this socket from now on. Raises Overloaded."""
        watching = sum(1 for watcher in self._watchers if holder(watcher) == holder(socket))
        full = not fits(MOST_WATCHERS, len(self._watchers), watching, 1)
        if full and socket not in self._watchers:
            raise Overloaded("Too many watchers.", retry_after=RETRY_AFTER)
        self._watchers.add(socket)

    def watched(self) -> bool:
        """Whether anyone watches the mesh's events."""
        return bool(self._watchers)

    def broadcast(self, event: Event) -> None:
        """Tell all watchers whose role hears of it; encoded once."""
        if self._watchers:
            data = encode(event)
            for socket in list(self._watchers):
                if hears(socket.principal, event.kind):
                    socket.send_bytes(data)

    def everyone(self, message: msgspec.Struct) -> None:
        """Tell every login; encoded once."""
        data = encode(message)
        for socket in list(self._peers.values()):
            socket.send_bytes(data)

    def _tell(self, message: msgspec.Struct, about: Socket) -> None:
        data = encode(message)
        for socket in list(self._peers.values()):
            if socket is not about and reachable(socket):
                socket.send_bytes(data)

    def _notify(self, socket: Socket, change: str) -> None:
        for listener in self.changed:
            listener(socket, change)

    def _end(self, socket: Socket, replaced: bool) -> None:
        for listener in self.ended:
            listener(socket, replaced)


def holder(socket: Socket) -> str:
    """Whose share a login uses (core.shares)."""
    return holder_of(socket.principal) if socket.principal else ""


def listed(socket: Socket) -> bool:
    """Whether the login is in the directory: a member agent that is not about to stop."""
    return works(socket) and not socket.leaving


def works(socket: Socket) -> bool:
    """Whether the login may hold tasks: a member agent."""
    return socket.principal is not None and socket.principal.kind in LISTED


def reachable(socket: Socket) -> bool:
    """Whether the login can be an end of a link: a member with a key."""
    return socket.principal is not None and socket.principal.kind in ("agent", "client")


def replace(old: Socket) -> None:
    """Tell a login that a newer one of the same id took over, and close it."""
    old.send(SignalError(Replaced.code, Replaced.sentence, "register"))
    old.close(REPLACED, "replaced")
