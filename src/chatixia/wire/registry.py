"""Bodies of the registry's other verbs: agents, tokens, keys, logins, topology."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from .base import B64, Count, Cursor, Id, Line, Name, Short, empty
from .peer import SkillInfo
from .signaling import MAX_ANNOUNCEMENT, LinkReport
from .tasks import MAX_LISTED, Page
from .trust import Chain, Signed

Health = Literal["active", "stale", "offline"]


class Nothing(msgspec.Struct):
    """An empty request."""


class Capabilities(msgspec.Struct, frozen=True):
    """The described capability object of an agent."""

    skills: Annotated[list[Short], msgspec.Meta(max_length=256)] = []
    mcp_servers: Annotated[list[Name], msgspec.Meta(max_length=64)] = []
    goals_count: Count = 0
    mode: Short = ""


class AgentRecord(msgspec.Struct, omit_defaults=False):
    """An agent as the directory lists it; the described fields and ours.

    ``sidecar_peer_id`` equals ``agent_id`` for a member. ``trust``: ``owner``, ``registry`` or
    ``unverified`` (key-less). ``last_heartbeat`` and ``registered_at`` are RFC 3339.
    ``waiting``: queued tasks that wait for it while it is away (1,000 stands for more, too).
    """

    agent_id: Id
    hostname: Name = ""
    ip: Short = ""
    port: Count = 0
    sidecar_peer_id: Id = ""
    capabilities: Capabilities = Capabilities()
    status: Short = ""
    mode: Short = ""
    health: Health = "active"
    registered_at: str = ""
    last_heartbeat: str = ""
    description: Line = ""
    skills: list[SkillInfo] = []
    incarnation: Short = ""
    epoch: Short = ""
    trust: Short = "owner"
    machine: Id = ""
    slots: Count = 0
    key: Short = ""
    ns: Short = "default"
    waiting: Count | msgspec.UnsetType = msgspec.UNSET

    @property
    def keyless(self) -> bool:
        """Whether no link to it can ever be: it has no key of its own."""
        return self.trust == "unverified"


class AgentQuery(msgspec.Struct, omit_defaults=True):
    """``agents.list``: by skill, health; paged, ordered by id."""

    skill: Short = ""
    health: Short = ""
    cursor: Cursor = ""
    limit: Page = 200


class AgentQueryAll(AgentQuery, omit_defaults=True):
    """The described list: by skill, health, as many as one answer holds, ordered by id."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LISTED)] = MAX_LISTED


class Agents(msgspec.Struct, omit_defaults=True):
    """A page of agents; ``cursor`` is the snapshot's."""

    agents: list[AgentRecord]
    next: Cursor = ""
    cursor: Cursor = ""


class AgentRef(msgspec.Struct):
    """One agent by id."""

    agent_id: Id


class Route(msgspec.Struct):
    """``agents.route``: an active agent with the skill, never the asker."""

    skill: Short


class RegisterAgent(msgspec.Struct, omit_defaults=True):
    """The described registration, for key-less agents (an API key names the id)."""

    agent_id: Id
    hostname: Name
    ip: Short = ""
    port: Count = 8000
    sidecar_peer_id: Id = ""
    capabilities: Capabilities = Capabilities()
    status: Short = ""
    mode: Short = ""


class Beat(msgspec.Struct, omit_defaults=True):
    """The described heartbeat; renews the agent's leases and claims by polling.

    What it does not carry, or carries as "", stays as it was registered. ``polls`` false: only a
    sign of life, of an agent that claims and renews by ``tasks.*``.
    """

    agent_id: Id
    hostname: Name = ""
    ip: Short = ""
    port: Count | msgspec.UnsetType = msgspec.UNSET
    status: Short = ""
    mode: Short = ""
    skills_count: Count = 0
    goals_count: Count | msgspec.UnsetType = msgspec.UNSET
    uptime_seconds: float = 0.0
    skill_names: Annotated[list[Short], msgspec.Meta(max_length=256)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    sidecar_peer_id: Id = ""
    polls: bool = True


class TokenRequest(msgspec.Struct, omit_defaults=True):
    """``token``: an assertion signed by a key (JWT, aud = mesh id, nonce), or an API key header."""

    assertion: Annotated[str, msgspec.Meta(max_length=4096)] = ""
    chain: Chain = []


class NonceRequest(msgspec.Struct, omit_defaults=True):
    """``nonce``: with mine, the registry proves its key over it and its certificate."""

    nonce: B64 = ""


class RegistryProof(msgspec.Struct, omit_defaults=True):
    """Reply of ``nonce``."""

    nonce: B64
    now: float
    mesh: Short
    registry: list[Signed] = []
    proof: B64 = ""


class Token(msgspec.Struct, omit_defaults=True):
    """A short-lived bearer token."""

    token: str
    peer_id: Id
    role: Short
    expires_in: Count = 300


class KeyCreate(msgspec.Struct, omit_defaults=True):
    """``keys.create``: an API key for a key-less client called ``name``."""

    name: Id
    not_after: Count = 0


class KeyCreated(msgspec.Struct, omit_defaults=True):
    """The key, shown this once."""

    id: Short
    name: Id
    key: str


class KeyInfo(msgspec.Struct, omit_defaults=True):
    """An API key without its secret."""

    id: Short
    name: Id
    created: Count
    not_after: Count = 0
    last_used: Count = 0
    revoked: bool = False


class KeysQuery(msgspec.Struct, omit_defaults=True):
    """``keys.list``: newest first, paged."""

    cursor: Cursor = ""
    limit: Page = 200


class Keys(msgspec.Struct, omit_defaults=True):
    """A page of keys; ``next`` is empty on the last one."""

    keys: list[KeyInfo]
    next: Cursor = ""


class KeyRef(msgspec.Struct):
    """``keys.revoke``."""

    id: Short


class LoginLink(msgspec.Struct, omit_defaults=True):
    """``login.create``: the secret that goes after ``#``; single use, 10 minutes."""

    secret: str
    expires_in: Count = 600


class Redeem(msgspec.Struct):
    """``login.redeem``: sets the browser session's cookie."""

    secret: Annotated[str, msgspec.Meta(max_length=128)]


class Session(msgspec.Struct, omit_defaults=True):
    """Who the browser session is. ``page_secret``: at its opening, what the page sends beside the
    cookie from then on, by the header ``X-Chatixia`` and as a subprotocol; ``method``: how it was
    opened, by ``link``, ``password`` or ``provider``."""

    person: Id
    role: Short
    mesh: Short = ""
    page_secret: Short = ""
    method: Short = ""


class Serial(msgspec.Struct, omit_defaults=True):
    """``serial``: the highest serial known for an id, and whether it is a tombstone.

    ``api_key``: a living API key has that name, so no member can.
    """

    id: Id
    serial: Count = 0
    key: Short = ""
    machine: Id = ""
    revoked: bool = False
    free: Id = ""
    api_key: bool = False


class Edge(msgspec.Struct, omit_defaults=True):
    """A link that both ends report (``confirmed``) or only one. ``relay``: how its ends speak to
    their TURN servers, ``udp``, ``tcp`` or ``tls``, with a comma between where they differ.
    ``bytes``: both ways, as one end counts them; ``resends``: frames that went again, of both ends.
    """

    from_peer: Id
    to_peer: Id
    tier: Short = ""
    rtt_ms: float | None = None
    link: Short = ""
    confirmed: bool = False
    bytes: Count = 0
    engine: Short = ""
    relay: Short = ""
    resends: Count = 0


class Node(msgspec.Struct):
    """The described topology node; ``mesh_peers`` are measured links."""

    agent_id: Id
    ip: Short = ""
    port: Count = 0
    hostname: Name = ""
    sidecar_peer_id: Id = ""
    mode: Short = ""
    skills_count: Count = 0
    health: Health = "active"
    mesh_peers: list[Id] = []
    links: list[LinkReport] = []


class Announce(msgspec.Struct, omit_defaults=True):
    """``announce``: tell ``text`` to every agent that is logged in, but ``besides`` and the caller.

    The registry reads it: it is plain.
    """

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ANNOUNCEMENT)]
    besides: Annotated[list[Id], msgspec.Meta(max_length=256)] = []


class AnnounceReceipt(msgspec.Struct, omit_defaults=True):
    """What became of an announcement at one agent. ``code`` empty: it has confirmed it."""

    agent: Id
    code: Short = ""


class Announced(msgspec.Struct):
    """``announce``: a receipt of each agent that was logged in."""

    receipts: list[AnnounceReceipt]


class AnnounceReceived(msgspec.Struct, omit_defaults=True):
    """``announce.received``: the announcement ``id`` came; ``code``: why it was not taken."""

    id: Short
    code: Short = ""


class Topology(msgspec.Struct):
    """``topology``: real links only."""

    nodes: list[Node]
    mesh_edges: list[Edge]


class IceConfig(msgspec.Struct, omit_defaults=True):
    """``config``: the described ``iceServers``, also when there are none, and ours."""

    iceServers: list[dict[str, str | list[str]]] | msgspec.UnsetType = msgspec.UNSET
    addresses: list[Name] = []
    now: float = 0.0


class StatusReply(msgspec.Struct, omit_defaults=True):
    """``status``: what the operator sees first."""

    mesh: Short
    version: Short
    now: float
    agents: Count = 0
    links: Count = 0
    tasks: dict[str, int] = {}
    addresses: list[Name] = []
    generation: Count = 0
    disk_free: Count = 0
    trouble: Short = ""
    """The code of what is wrong with the registry as a whole: ``disk_full``, or nothing."""
    detail: Line = ""
    """The same as a sentence."""
    delegated: list[Short] = []
    """Names of machines that an owner lets the registry sign, until ``delegated_until``."""
    delegated_until: Count = 0
    by_registry: Count = 0
    """How many machines are in by the registry's signature."""


class HealthReply(msgspec.Struct):
    """``/healthz`` and ``/readyz``. ``status``: ``ok``, ``ready``, or ``disk_full`` while results
    are taken and new work is not; then ``detail`` is a sentence."""

    status: Short = "ok"
    detail: Line | msgspec.UnsetType = msgspec.UNSET


class WatchAll(msgspec.Struct, omit_defaults=True):
    """``watch``: events of the whole mesh to this socket (people only), from ``cursor`` on."""

    cursor: Cursor = ""


class Watching(msgspec.Struct, omit_defaults=True):
    """Reply of ``watch``: the snapshot's cursor."""

    cursor: Cursor


class EventRow(msgspec.Struct, omit_defaults=True):
    """One stored event."""

    kind: Short
    id: Name
    change: Short
    at: float
    cursor: Cursor
    body: msgspec.Raw = msgspec.field(default_factory=empty)
