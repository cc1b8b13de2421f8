"""Whole MeshMessages between one program of the described contract and its links, as they are.

A program behind a member's sidecar has calls (:mod:`.messages`); a described peer has this: nothing
in a message is changed, and nobody answers for the program. A request that cannot be sent, or whose
link is lost, is answered with its error, so that nobody waits for the whole of his time.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Final, Protocol

import msgspec

from chatixia.core import described
from chatixia.core.described import ANSWERS
from chatixia.errors import BadRequest, MeshError, Overloaded, TooLarge, Unreachable
from chatixia.peer.described.links import DescribedLinks
from chatixia.wire.base import encode
from chatixia.wire.described import MAX_DESCRIBED
from chatixia.wire.ipc_events import (
    MessageEvent,
    MessagePayload,
    PeerConnectedEvent,
    PeerDisconnectedEvent,
    PeerPayload,
)
from chatixia.wire.peer import MeshMessage
from chatixia.world import World

log = logging.getLogger("chatixia.sidecar")

MOST_PENDING: Final = 1024
"""Requests of the program whose end is watched; of more the oldest are left to their time."""
MOST_EARLY: Final = 256
"""Messages that wait for a program that has not connected yet."""


class RelayReader(Protocol):
    """The program, as far as messages concern it."""

    @property
    def full(self) -> bool:
        """Whether it does not read what it was sent."""
        ...

    def write(self, line: bytes) -> None:
        """Send it a line."""
        ...


class MessageRelay:
    """All of one sidecar. ``id``: its own, known once it has logged in."""

    def __init__(self, links: DescribedLinks, world: World) -> None:
        self._links, self._world = links, world
        self._program: RelayReader | None = None
        self._early: deque[bytes] = deque()
        self._pending: dict[tuple[str, str], MeshMessage] = {}
        links.on_open, links.on_close, links.on_text = self._opened, self._closed, self._received

    # -- the program

    def attach(self, program: RelayReader) -> None:
        """It is there: what is linked, then what came before it."""
        self._program = program
        for peer in self.peers():
            program.write(encode(PeerConnectedEvent(PeerPayload(peer))))
        while self._early:
            program.write(self._early.popleft())

    def detach(self) -> None:
        """It is gone."""
        self._program = None
        self._pending.clear()

    def peers(self) -> list[str]:
        """Who is linked, in order."""
        return sorted(self._links.open_names())

    def connect(self, peer: str) -> None:
        """Open a link. Raises Denied, Overloaded."""
        self._links.seek(peer)

    def send(self, peer: str, raw: msgspec.Raw) -> None:
        """Send a message. Raises BadRequest for what is none, and what is not told by an answer."""
        message = self._checked(raw)
        try:
            self._send(peer, message, bytes(raw))
        except MeshError as error:
            if not self._refuse(peer, message, error):
                raise

    def broadcast(self, raw: msgspec.Raw) -> int:
        """Send a message to all who are linked; to how many it went. Raises BadRequest."""
        peers = self.peers()
        self._checked(raw)
        for peer in peers:
            self.send(peer, raw)
        return len(peers)

    def _checked(self, raw: msgspec.Raw) -> MeshMessage:
        try:
            return msgspec.json.decode(raw, type=MeshMessage)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadRequest("The message is no MeshMessage.") from None

    def _send(self, peer: str, message: MeshMessage, raw: bytes) -> None:
        if len(raw) > MAX_DESCRIBED:
            text = f"A message has at most {MAX_DESCRIBED} bytes; this has {len(raw)}."
            raise TooLarge(text, agent=peer)
        self._links.send(peer, raw.decode())
        if message.request_id and message.type in ANSWERS:
            self._pending[peer, message.request_id] = message
            if len(self._pending) > MOST_PENDING:
                del self._pending[next(iter(self._pending))]

    def _refuse(self, peer: str, message: MeshMessage, error: MeshError) -> bool:
        """Answer a request in the peer's place with what is in its way; whether it was one."""
        if not message.request_id or message.type not in ANSWERS:
            return False
        me = self._links.me
        text = described.answer(message, peer, me, b'""', error.message)
        self._tell(peer, text.encode())
        return True

    # -- the links

    def _opened(self, peer: str) -> None:
        if self._program is not None:
            self._program.write(encode(PeerConnectedEvent(PeerPayload(peer))))

    def _closed(self, peer: str) -> None:
        for name, rid in [key for key in self._pending if key[0] == peer]:
            lost = Unreachable(f"The link with {peer} was lost.", agent=peer)
            self._refuse(peer, self._pending.pop((name, rid)), lost)
        if self._program is not None:
            self._program.write(encode(PeerDisconnectedEvent(PeerPayload(peer))))

    def _received(self, peer: str, text: str) -> None:
        try:
            message = described.read(text)
            # In one line: white space between values is no part of them.
            line = msgspec.json.format(text.encode(), indent=-1)
        except (MeshError, msgspec.DecodeError) as error:
            log.debug("a message of %s is dropped: %s", peer, error)
            self._links.fault(peer)
            return
        if not described.is_answer(message) or self._is_due(peer, message.request_id):
            self._give(peer, message, line)

    def _is_due(self, peer: str, rid: str) -> bool:
        """Whether an answer may be one: none to a request that only others were asked."""
        if self._pending.pop((peer, rid), None) is not None:
            return True
        return not any(key[1] == rid for key in self._pending)

    def _give(self, peer: str, message: MeshMessage, line: bytes) -> None:
        program = self._program
        is_full = program.full if program is not None else len(self._early) >= MOST_EARLY
        if not is_full:
            self._tell(peer, line)
            return
        log.warning("a message of %s is not taken: its reader is behind", peer)
        if message.request_id and message.type in ANSWERS:
            busy = Overloaded("The agent does not read what it was sent.")
            text = described.answer(message, self._links.me, peer, b'""', busy.message)
            self._links.send(peer, text)

    def _tell(self, peer: str, message: bytes) -> None:
        line = encode(MessageEvent(MessagePayload(peer, msgspec.Raw(message))))
        if self._program is not None:
            self._program.write(line)
        else:
            self._early.append(line)
