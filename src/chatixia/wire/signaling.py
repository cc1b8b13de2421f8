"""The WebSocket between an agent (or hub, or client) and the registry: JSON text frames.

The conversation: ``challenge`` (registry) -> ``register`` -> ``welcome`` and ``peer_list``;
then ``offer``, ``answer``, ``ice_candidate``, ``connect``, ``relay_open``, ``relay_ready`` relayed
with the sender stamped, ``verb``/``result``/``error`` from the table of verbs, pushes ``task``,
``task_hint``, ``event``.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from chatixia.errors import Outcome

from .base import B64, EMPTY, KIB, MIB, Count, Cursor, Fence, Id, Line, Name, Short
from .peer import SkillInfo
from .relay import MAX_RELAY_CERTIFICATE
from .tasks import Task
from .trust import Chain, Signed

MAX_SIGNAL: Final = 2 * MIB
MAX_FROM_REGISTRY: Final = 4 * MIB
"""A frame of the registry's: a task with its payload and its result is one."""
MAX_SDP: Final = 16 * KIB
MAX_CANDIDATES: Final = 32
MAX_ACCEPTED: Final = 64
"""Peers of the described contract that one agent accepts by name."""
MAX_ANNOUNCEMENT: Final = 16 * KIB
"""Characters of a broadcast that the registry fans out."""
ANNOUNCE: Final = "announce/1"
"""The capability of a login that takes such broadcasts."""
OWNER_ONLY: Final = "owner_only/1"
"""The capability of a login that takes no work of the queue: nobody proves there whose it is."""
NO_PONG: Final = 1006
"""The close code by which a server tells its application that a ping timed out; no frame can carry
it."""

Sdp = Annotated[str, msgspec.Meta(max_length=MAX_SDP)]
Capabilities = Annotated[list[Name], msgspec.Meta(max_length=32)]
Certificate = Annotated[
    str, msgspec.Meta(max_length=MAX_RELAY_CERTIFICATE * 4 // 3 + 1, pattern=r"^[A-Za-z0-9_-]*$")
]


class Challenge(msgspec.Struct, tag="challenge", omit_defaults=True):
    """Registry's first frame: its nonce, mesh time (seconds), the versions it speaks.

    ``registry`` is its chain; ``mesh`` the mesh id; ``generation`` the store generation.
    """

    nonce: B64
    now: float
    versions: list[int]
    mesh: Short = ""
    registry: Chain = []
    generation: Count = 0


class Register(msgspec.Struct, tag="register", omit_defaults=True):
    """An agent's or client's login. ``sig`` as ``wire.signed.login`` says.

    Key-less (``api_key``): queue only, shown ``unverified``. The described first frame
    (``peer_id`` and nothing else) gets ``error unauthorized``.
    """

    peer_id: Id
    version: Count = 1
    incarnation: Short = ""
    chain: Chain = []
    nonce: B64 = ""
    """Mine, which ``welcome.sig`` answers."""
    sig: B64 = ""
    api_key: Line = ""
    skills: Annotated[list[SkillInfo], msgspec.Meta(max_length=256)] = []
    description: Line = ""
    hostname: Name = ""
    mode: Short = ""
    slots: Count = 0
    capabilities: Capabilities = []
    policy: Count = 0
    revocations: Count = 0
    ns: Short = "default"
    watch: bool = False
    compat: Annotated[list[Id], msgspec.Meta(max_length=MAX_ACCEPTED)] = []
    """Peers of the described contract that this agent accepts (docs/compat.md)."""
    mcp_servers: Annotated[list[Name], msgspec.Meta(max_length=64)] = []
    """Servers of MCP that it uses, as its manifest names them."""


class PeerInfo(msgspec.Struct, omit_defaults=True):
    """A listed peer: who, its present process and what it can do."""

    id: Id
    incarnation: Short = ""
    skills: list[Short] = []
    capabilities: Capabilities = []
    epoch: Short = ""


class Welcome(msgspec.Struct, tag="welcome", omit_defaults=True):
    """The login is accepted; ``sig`` is ``signed.registry`` over the agent's nonce."""

    peer_id: Id
    epoch: Short
    now: float
    version: Count = 1
    token: Annotated[str, msgspec.Meta(max_length=4 * KIB)] = ""
    sig: B64 = ""
    revoked: Annotated[list[Signed], msgspec.Meta(max_length=1024)] = []


class PeerList(msgspec.Struct, tag="peer_list", omit_defaults=True):
    """All peers that are connected now, but the asker."""

    peers: list[PeerInfo]
    peer_id: Id = "registry"
    next: Cursor = ""


class PeerJoined(msgspec.Struct, tag="peer_joined", omit_defaults=True):
    """A peer logged in."""

    peer: PeerInfo


class PeerLeft(msgspec.Struct, tag="peer_left", omit_defaults=True):
    """A peer's socket is gone. ``epoch`` is the login that ended; ``clean``: it said goodbye."""

    peer_id: Id
    incarnation: Short = ""
    epoch: Short = ""
    clean: bool = False


class Offer(msgspec.Struct, tag="offer", omit_defaults=True):
    """A signed offer (``wire.signed.opening``). The registry stamps ``peer_id``."""

    target_id: Id
    sdp: Sdp
    peer_id: Id = ""
    incarnation: Short = ""
    peer_incarnation: Short = ""
    attempt: Count = 0
    nonce: B64 = ""
    versions: tuple[int, ...] = (1,)
    capabilities: Capabilities = []
    chain: Chain = []
    sig: B64 = ""


class Answer(msgspec.Struct, tag="answer", omit_defaults=True):
    """A signed answer: the offer's fields, its nonce and the hash of its SDP."""

    target_id: Id
    sdp: Sdp
    peer_id: Id = ""
    incarnation: Short = ""
    peer_incarnation: Short = ""
    attempt: Count = 0
    nonce: B64 = ""
    offer_nonce: B64 = ""
    offer_hash: B64 = ""
    versions: tuple[int, ...] = (1,)
    capabilities: Capabilities = []
    chain: Chain = []
    sig: B64 = ""


class IceCandidate(msgspec.Struct, tag="ice_candidate", omit_defaults=True):
    """A trickled candidate of one attempt; ``candidate`` empty: end of candidates."""

    target_id: Id
    candidate: Line = ""
    sdp_mid: Short | None = None
    sdp_m_line_index: int | None = None
    peer_id: Id = ""
    incarnation: Short = ""
    peer_incarnation: Short = ""
    attempt: Count = 0


class Connect(msgspec.Struct, tag="connect", omit_defaults=True):
    """The higher id asks the lower one to offer (``restart``: over a path that died)."""

    target_id: Id
    peer_id: Id = ""
    incarnation: Short = ""
    restart: bool = False


class RelayOpen(msgspec.Struct, tag="relay_open", omit_defaults=True):
    """Either end asks for a relay stream of that attempt (``wire.signed.opening``).

    ``certificate``: the one, DER in base64url, that it will use as TLS client. The registry stamps
    ``peer_id``. Where both ask at once the lower id's counts.
    """

    target_id: Id
    certificate: Certificate
    peer_id: Id = ""
    incarnation: Short = ""
    peer_incarnation: Short = ""
    attempt: Count = 0
    nonce: B64 = ""
    versions: tuple[int, ...] = (1,)
    capabilities: Capabilities = []
    chain: Chain = []
    sig: B64 = ""


class RelayReady(msgspec.Struct, tag="relay_ready", omit_defaults=True):
    """The reply: the same fields, the certificate of the TLS server, and in ``open`` the hash of
    what the signature of the ``relay_open`` covers. The stream exists now."""

    target_id: Id
    certificate: Certificate
    peer_id: Id = ""
    incarnation: Short = ""
    peer_incarnation: Short = ""
    attempt: Count = 0
    nonce: B64 = ""
    open: B64 = ""
    versions: tuple[int, ...] = (1,)
    capabilities: Capabilities = []
    chain: Chain = []
    sig: B64 = ""


class DescribedSignal(msgspec.Struct, tag="described", omit_defaults=True):
    """Signaling with a peer of the described contract: nobody signed it, so no member's is ever
    carried so. ``kind`` says which fields count. The registry stamps ``peer_id``."""

    target_id: Id
    kind: Literal["offer", "answer", "ice_candidate"]
    sdp: Sdp = ""
    candidate: Line = ""
    sdp_mid: Short | None = None
    sdp_m_line_index: int | None = None
    peer_id: Id = ""


class DescribedPeers(msgspec.Struct, tag="described_peers", omit_defaults=True):
    """Those of the peers in ``register.compat`` that are connected now; after each change again.
    ``fresh``: the one that came just now, which will offer. ``off``: this registry lets none in."""

    peers: Annotated[list[Id], msgspec.Meta(max_length=MAX_ACCEPTED)]
    fresh: Id = ""
    off: bool = False


class Heartbeat(msgspec.Struct, tag="heartbeat", omit_defaults=True):
    """Present; carries free slots, and skills when they changed. ``leaving``: off the list at once;
    the login stays for what running work still has to tell."""

    slots: Count | None = None
    skills: Annotated[list[SkillInfo], msgspec.Meta(max_length=256)] | None = None
    leaving: bool = False


class LinkReport(msgspec.Struct, omit_defaults=True):
    """A link as its end sees it, read from the engine. ``link``: the same at both ends.

    ``calls``: both ways, since its present path opened. ``relay``: how this end speaks to its TURN
    server, ``udp``, ``tcp`` or ``tls``; empty where it uses none. ``resends``: frames of the
    session that went again. ``status``: what the peer says of itself (``agent_status``).
    """

    peer: Id
    tier: Short
    link: Short = ""
    local: Short = ""
    remote: Short = ""
    remote_addr: Short = ""
    rtt_ms: float | None = None
    bytes_sent: Count = 0
    bytes_received: Count = 0
    engine: Short = ""
    opened_ms: float | None = None
    calls: Count = 0
    attempts: Count = 0
    relay: Short = ""
    resends: Count = 0
    status: Short = ""


class Links(msgspec.Struct, tag="links", omit_defaults=True):
    """An agent's open links; sent when they change and every 5 s while they live."""

    links: Annotated[list[LinkReport], msgspec.Meta(max_length=256)]


class VerbCall(msgspec.Struct, tag="verb", omit_defaults=True):
    """A verb of ``wire.verbs`` over the WebSocket; answered by ``result`` or ``error`` with ref."""

    id: Short
    verb: Short
    body: msgspec.Raw = EMPTY


class VerbResult(msgspec.Struct, tag="result", omit_defaults=True):
    """The reply to a ``verb``."""

    id: Short
    body: msgspec.Raw = EMPTY


class TaskPush(msgspec.Struct, tag="task", omit_defaults=True):
    """A task assigned to this agent within its slots; answer ``tasks.started`` within 5 s."""

    task: Task
    lease_ms: Count
    fence: Fence
    attempt: Count = 0


class TaskHint(msgspec.Struct, tag="task_hint", omit_defaults=True):
    """Something changed about a task that you asked for or hold; rows are the truth.

    ``state`` as it was then; the holder of a canceled task stops. ``reason``: what the task's
    error says of it, if it ended.
    """

    task_id: Short
    state: Short = ""
    fence: Fence = ""
    reason: Line = ""


class TaskDone(msgspec.Struct, tag="task_done", omit_defaults=True):
    """To the submitter: the final row, so that no poll is needed."""

    task: Task


class TaskProgress(msgspec.Struct, tag="task_progress", omit_defaults=True):
    """To a watcher: progress, partial output or an event, number ``n`` under ``fence``."""

    task_id: Short
    fence: Fence
    n: Count
    fraction: float | None = None
    note: Line = ""
    item: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Announcement(msgspec.Struct, tag="announcement", omit_defaults=True):
    """A broadcast that the registry fans out, in clear: ``text`` of ``source``, who is logged in.

    Goes to logins that named ``announce/1``; the verb ``announce.received`` confirms ``id``.
    """

    id: Short
    source: Id
    text: Annotated[str, msgspec.Meta(max_length=MAX_ANNOUNCEMENT)]


class Event(msgspec.Struct, tag="event", omit_defaults=True):
    """To watchers (the hub): what changed; ``kind`` is agent, task, link or invitation."""

    kind: Short
    id: Name
    change: Short
    at: float
    cursor: Cursor = ""
    body: msgspec.Raw = EMPTY


class Config(msgspec.Struct, tag="config", omit_defaults=True):
    """All addresses of the registry, ICE servers and a fresh REST token. ``confirmation``: the
    owner's newest word about the revocation list."""

    addresses: Annotated[list[Name], msgspec.Meta(max_length=32)] = []
    ice_servers: list[dict[str, str | list[str]]] = []
    token: Annotated[str, msgspec.Meta(max_length=4 * KIB)] = ""
    now: float = 0.0
    confirmation: Signed | None = None


class RevokedPush(msgspec.Struct, tag="revoked", omit_defaults=True):
    """An owner-signed revocation; a peer ignores one whose signature does not hold."""

    statement: Signed
    signer: Chain = []


class Goodbye(msgspec.Struct, tag="goodbye", omit_defaults=True):
    """A clean stop: leave the list at once."""

    reason: Line = ""


class SignalError(msgspec.Struct, tag="error", omit_defaults=True):
    """Something you sent was refused; ``ref`` is a verb's id or the type of the frame.

    Between two agents (``peer_id`` stamped by the registry): why there is no link by that attempt.
    """

    code: Short
    message: Line = ""
    ref: Short = ""
    retryable: bool = False
    outcome: Outcome = "definite"
    target_id: Id = ""
    peer_id: Id = ""
    incarnation: Short = ""
    peer_incarnation: Short = ""
    attempt: Count = 0
    retry_after: float = 0.0


class Ping(msgspec.Struct, tag="ping", omit_defaults=True):
    """Keep-alive at message level for browsers; answered by ``pong``."""

    id: Short = ""


class Pong(msgspec.Struct, tag="pong", omit_defaults=True):
    """Answer to ``ping``. ``timestamp``: mesh time in milliseconds, from the registry."""

    id: Short = ""
    timestamp: Count = 0


FromAgent = (
    Register
    | Offer
    | Answer
    | IceCandidate
    | Connect
    | RelayOpen
    | RelayReady
    | DescribedSignal
    | Heartbeat
    | Links
    | VerbCall
    | Goodbye
    | Ping
    | Pong
    | SignalError
)
FromRegistry = (
    Challenge
    | Welcome
    | PeerList
    | PeerJoined
    | PeerLeft
    | Offer
    | Answer
    | IceCandidate
    | Connect
    | RelayOpen
    | RelayReady
    | DescribedSignal
    | DescribedPeers
    | VerbResult
    | TaskPush
    | TaskHint
    | TaskDone
    | TaskProgress
    | Announcement
    | Event
    | Config
    | RevokedPush
    | SignalError
    | Ping
    | Pong
)
