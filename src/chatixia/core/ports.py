"""The Protocols at which siblings meet: peer, agent, registry and client know only these.

Everything here is shape. ``assembly`` decides who stands behind each port.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from typing import Any, Literal, Protocol

import msgspec

from chatixia.errors import MeshError
from chatixia.ids import AgentId
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.peer import SkillInfo
from chatixia.wire.signaling import LinkReport
from chatixia.wire.trust import Revocation, Signed

Kind = Literal["task", "prompt", "skills", "status"]
Queue = Literal["auto", "never", "only"]


class Verify(Protocol):
    """``identity.verify``: whether ``signature`` by ``key`` covers context, NUL and data."""

    def __call__(self, key: bytes, context: str, data: bytes, signature: bytes) -> bool:
        """See :func:`chatixia.identity.verify`."""
        ...


RevocationBook = Mapping[tuple[str, str], Revocation]
"""(namespace, id) -> the revocation with the highest serial."""


class Pin(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was proved for one id (``core.pins``). Keys are raw bytes.

    ``signer``: key that signed the record; ``machine``: the id behind it, with ``approved``, the
    serial under which the owner itself had named that machine (-1: never).
    ``not_after``: mesh seconds, 0 for none. ``ephemeral``: it is forgotten then.
    """

    ns: str
    id: str
    kind: str
    sign: bytes
    seal: bytes
    serial: int
    signer: bytes
    machine: str = ""
    approved: int = -1
    not_after: int = 0
    ephemeral: bool = False


class PinBook(Protocol):
    """Where a principal keeps what it knows of others; ``store.local`` is the real one."""

    @property
    def revocations(self) -> RevocationBook:
        """The revocations held."""
        ...

    def pin(self, ns: str, name: str) -> Pin | None:
        """The pin of an id, if it has one."""
        ...

    def keep(self, pins: Iterable[Pin]) -> None:
        """Write pins, each over the one of its id."""
        ...

    def prune(self, now: float) -> None:
        """Forget clients and ephemeral members whose records ended before mesh time ``now``."""
        ...

    @property
    def confirmed(self) -> int:
        """Mesh time at which the owner last confirmed the list that I know; 0 for never."""
        ...

    def confirm(self, issued: int) -> None:
        """Keep a later such time."""
        ...

    def statements(self, above: int = 0) -> list[Signed]:
        """The revocations held of a version above ``above``, rising, as the owner signed them."""
        ...

    def revoke(self, statement: Signed, revocation: Revocation) -> bool:
        """Keep a checked revocation; False if it was known."""
        ...


class MeshClock(Protocol):
    """Mesh time: the registry's, learned at login, never stepping back (trust.md section 1)."""

    def now(self) -> float:
        """Mesh seconds."""
        ...

    def learn(self, now: float) -> None:
        """Take ``challenge.now`` of a registry that proved itself."""
        ...


class ArtifactSource(Protocol):
    """An artifact that is sent: its bytes stay where they are until somebody pulls them.

    ``local``: they are on this machine, so that they need no link to be read. ``memory``: how many
    of them are in the memory of this process.
    """

    @property
    def local(self) -> bool:
        """See above."""
        ...

    @property
    def memory(self) -> int:
        """See above."""
        ...

    async def describe(self) -> ArtifactInfo:
        """Size, hash and labels, its ``id`` and ``data`` unset; never reads on the loop.

        Raises NotFound, Conflict where the file is not there or not what it was.
        """
        ...

    async def read(self, offset: int, count: int) -> bytes:
        """``count`` bytes from there on. Raises what :meth:`describe` raises."""
        ...

    async def inline(self) -> ArtifactInfo:
        """The same as :meth:`describe`, with all bytes as ``data``; for small ones."""
        ...


class ArtifactFeed(Protocol):
    """An artifact that was received by name: its bytes come when they are pulled."""

    @property
    def info(self) -> ArtifactInfo:
        """What its sender says of it; nothing of that is checked."""
        ...

    @property
    def folder(self) -> str:
        """Where a part of it may be kept until the next try; "" for nowhere."""
        ...

    def pull(self, offset: int = 0, gather: bool = False) -> AsyncGenerator[bytes, None]:
        """The bytes from there on, as they come; ``gather``: in larger pieces, if a moment later.
        Raises NotFound once its sender let it go."""
        ...

    def release(self) -> None:
        """Nobody pulls it any more. May be called from any thread, and twice."""
        ...


class Outgoing(msgspec.Struct, gc=False):
    """A call as its asker describes it.

    ``target`` an agent id. ``body``: JSON bytes of the arguments object (``task``) or of a
    ``wire.peer.Prompt`` (``prompt``). ``timeout``: seconds from now. ``path``: ids that caused
    this call, first asker first, without this process's own id. ``key``: idempotency key, drawn
    by the mesh if empty; it is the request id on every tier. ``reach``: seconds that it may wait
    for a link before it is Unreachable or the queue's; 0 for as long as is usual.
    ``elsewhere``: its asker has others to ask, so it ends when its agent is lost, idempotent or
    not.
    ``on_progress``: hears on the loop how far it is, a fraction from 0 to 1 and a note; it must
    lead back to no Outgoing, which no collector looks into. ``on_event``: the same for the events
    of a task in the queue; over a link they come in the stream.
    ``artifacts``: what ``{"$artifact": n}`` in ``body`` stands for; ``table``: the same as the
    wire names them, set by the mesh.
    """

    target: AgentId
    skill: str = ""
    body: bytes = b"{}"
    kind: Kind = "task"
    timeout: float = 30.0
    idempotent: bool = False
    stream: bool = False
    key: str = ""
    path: tuple[str, ...] = ()
    traceparent: str = ""
    queue: Queue = "auto"
    reach: float = 0.0
    elsewhere: bool = False
    on_progress: Callable[[float | None, str], None] | None = None
    on_event: Callable[[bytes], None] | None = None
    artifacts: tuple[ArtifactSource, ...] = ()
    table: tuple[ArtifactInfo, ...] = ()


class CallAnswer(msgspec.Struct, gc=False):
    """What came back: JSON bytes, the tier that carried it, milliseconds, who answered.

    ``link_ms``: how long the link took to open, when this call opened it.
    ``where``: the far address of a direct link, when known. ``reason``: why no link carried it,
    ``tried_ms``: how long one was waited for before. ``artifacts``: what ``{"$artifact": n}`` in
    ``value`` stands for.
    """

    value: bytes
    via: str
    ms: float
    agent: AgentId
    link_ms: float | None = None
    where: str = ""
    reason: str = ""
    tried_ms: float | None = None
    artifacts: tuple[ArtifactFeed, ...] = ()


class Stream(Protocol):
    """Items of a streamed answer as JSON bytes, in order. Leaving early cancels the far end."""

    via: str

    @property
    def artifacts(self) -> tuple[ArtifactFeed, ...]:
        """What ``{"$artifact": n}`` in the item given last stands for."""
        ...

    @property
    def arrived(self) -> int:
        """How many items have come, in order, also those not read yet."""
        ...

    @property
    def event(self) -> bytes:
        """The event that the item given last carries (``wire.events``), which is empty then."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The items; raises the far end's error where it happened."""
        ...

    async def aclose(self) -> None:
        """Cancel the far end unless it already ended."""
        ...


class Incoming(msgspec.Struct, gc=False):
    """Work for this agent, from a link or the queue.

    ``deadline``: on ``World.monotonic``'s clock. ``path``: everyone whose rights bound this call,
    the caller last. ``fence``, ``attempt`` and ``key`` serve side effects (of queued work:
    tasks.md section 2). ``holder``: whose share of this agent's bounds it uses (``core.shares``):
    as a link proved it, or the machine of the queue's ``caller``. ``artifacts``: what
    ``{"$artifact": n}`` in ``body`` stands for. ``trust``: who vouches for the caller, as its link
    proved; nobody for what no link brought.
    """

    caller: AgentId
    request_id: str
    kind: Kind
    skill: str
    body: msgspec.Raw
    stream: bool
    path: tuple[str, ...]
    deadline: float | None
    traceparent: str
    via: str
    key: str
    holder: str = ""
    trust: str = "unverified"
    fence: str = ""
    attempt: int = 1
    task_id: str = ""
    artifacts: tuple[ArtifactFeed, ...] = ()


class Responder(Protocol):
    """How a handler answers. Exactly one of ``reply`` and ``fail`` ends the request."""

    def reply(self, result: bytes, table: tuple[ArtifactInfo, ...] = ()) -> None:
        """End with JSON bytes (after items: the value that ends the stream, usually null).

        ``table``: what ``{"$artifact": n}`` in it stands for, from :meth:`lend`.
        """
        ...

    async def lend(self, artifacts: Sequence[ArtifactSource]) -> tuple[ArtifactInfo, ...]:
        """Let the caller pull these. Raises what they raise, TooLarge, Overloaded."""
        ...

    def fail(self, error: MeshError) -> None:
        """End with an error."""
        ...

    async def item(
        self, chunk: bytes, table: tuple[ArtifactInfo, ...] = (), event: bytes = b""
    ) -> None:
        """Send one item of a stream; waits for credit. ``table``: see :meth:`reply`.

        ``event``: JSON of a ``wire.events.AgentEvent``; ``chunk`` is ``events.EMPTY_ITEM`` then.
        """
        ...

    def progress(self, fraction: float, note: str) -> None:
        """Tell how far it is; may be dropped."""
        ...


Handler = Callable[[Incoming, Responder], Awaitable[None]]
"""Serves one request. The mesh runs what it gives, a coroutine, in a task of its own (eagerly where
Python can), cancels it on cancel, deadline or shutdown, and answers ``skill_failed`` if it ends
without an answer. A handler that only hands the request on gives a future instead, which is over
when the request is: that costs no task."""


class Pong(msgspec.Struct):
    """A ping's answer: tier, round trip in ms, far address."""

    agent: AgentId
    via: str
    ms: float
    where: str = ""


class MeshPort(Protocol):
    """A principal's door to the mesh: at most eight methods, whoever stands behind it."""

    @property
    def id(self) -> AgentId:
        """My own id."""
        ...

    def call(self, outgoing: Outgoing) -> Awaitable[CallAnswer]:
        """One answer, or one MeshError before the deadline."""
        ...

    def stream(self, outgoing: Outgoing) -> Stream:
        """Many items, or one MeshError."""
        ...

    async def verb(self, name: str, request: msgspec.Struct, timeout: float = 10.0) -> Any:
        """A verb of ``wire.verbs`` at the registry; its reply struct or a MeshError."""
        ...

    async def ping(self, target: AgentId, timeout: float = 5.0) -> Pong:
        """A round trip over the present path; opens a link if there is none."""
        ...

    def links(self) -> Sequence[LinkReport]:
        """The open links as the engine sees them."""
        ...

    def serve(self, handler: Handler, skills: Sequence[SkillInfo], slots: int) -> None:
        """Answer requests from links and queue. Called once, before ``start``; again after
        skills changed."""
        ...

    def watch(self, task_id: str, timeout: float) -> AsyncIterator[msgspec.Struct]:
        """Pushes about one task (TaskDone, TaskProgress, TaskHint) until it is terminal."""
        ...


class CallWaiter(Protocol):
    """Who waits for the end of a call, in no task. Of an ``asyncio.Future`` it has what is used of
    one; it does not raise."""

    def done(self) -> bool:
        """Whether it waits no more."""
        ...

    def set_result(self, result: None) -> None:
        """The call has its end now."""
        ...


class BegunCall(Protocol):
    """A call that is on its way over an open link."""

    def answer(self) -> CallAnswer | None:
        """What it ended with; None: :meth:`queued` gets it. Raises the error that it ended with."""
        ...

    def queued(self) -> Awaitable[CallAnswer]:
        """Its answer from the queue, which has it now."""
        ...

    def leave(self) -> None:
        """Nobody waits for it any more."""
        ...


class OutsideTool(msgspec.Struct, frozen=True):
    """A tool of a server of another protocol. ``parameters``: JSON Schema of an object."""

    server: str
    name: str
    description: str
    parameters: dict[str, Any]


class OutsideAnswer(msgspec.Struct):
    """What such a tool gave: ``text`` for a model, ``value`` for a caller (artifacts within).
    ``failed``: the tool itself says that it could not."""

    text: str
    value: Any = None
    failed: bool = False


class OutsideTools(Protocol):
    """Servers of another protocol and the tools that they have now."""

    def tools(self) -> Sequence[OutsideTool]:
        """What they listed last."""
        ...

    async def call(
        self, server: str, tool: str, arguments: dict[str, Any], timeout: float
    ) -> OutsideAnswer:
        """Call one, ``timeout`` seconds at most. Raises MeshError, BadArguments before it is
        called."""
        ...


class LocalIdentity(msgspec.Struct):
    """Who this process is in the mesh, with the means to prove it (never the key itself).

    ``chain``: leaf to owner. ``public``: raw Ed25519 key; ``seal``: raw X25519 key. ``registries``:
    base URLs (``http://127.0.0.1:8080``, ``https://...``). ``registry_key``: the registry's raw
    identity key as pinned, None before the first meeting. ``owner``: the mesh's raw owner key.
    ``book``: pins and revocations that I keep. ``clock``: mesh time, for every expiry.
    ``renew``: call it with ``challenge.now`` before each login; it may renew ``chain``. ``jws``:
    header and claims as a compact JWS by my key, None where no token is asked for. ``owner_only``:
    have to do with nobody whom the registry let in, or who proves no key.
    """

    id: AgentId
    mesh: str
    incarnation: str
    chain: list[Signed]
    public: bytes
    seal: bytes
    sign: Callable[[str, bytes], bytes]
    verify: Verify
    registries: list[str]
    owner: bytes
    book: PinBook
    clock: MeshClock
    registry_key: bytes | None = None
    ns: str = "default"
    serial: int = 0
    renew: Callable[[float], bool] = lambda now: False
    jws: Callable[[bytes, bytes], str] | None = None
    owner_only: bool = False


class Principal(msgspec.Struct, frozen=True):
    """Who calls a verb, as the registry has proved it.

    ``kind``: one of ``wire.verbs.Who``. ``trust``: ``owner``, ``registry`` or ``unverified``.
    ``role``: hub role of a person (``viewer``, ``operator``, ``admin``), else empty.
    ``epoch``: the login's, for a WebSocket. ``invitation``: key id of the reusable invitation by
    which its machine joined, if it did.
    """

    id: AgentId
    kind: str
    ns: str = "default"
    trust: str = "owner"
    role: str = ""
    machine: str = ""
    epoch: str = ""
    incarnation: str = ""
    invitation: str = ""
