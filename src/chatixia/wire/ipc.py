"""What a program and its sidecar say on their private socket: JSON lines (docs/ipc.md).

A line is ``{"type", "id", "for", "payload"}``. A program's lines are :data:`Command`, a sidecar's
:data:`Event`. ``id`` numbers what its writer asks, from 1: a command that has one gets exactly one
``result`` or ``error`` with the same number. ``for`` names the request of the sidecar that a line
belongs to: the answer to it, or a call that it caused. No line carries a path: the sidecar adds
path, deadline and trace of the request that ``for`` names, so that a program cannot forge them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from chatixia.errors import WireError

from .artifacts import MAX_ENTRIES, FileName
from .base import KIB, MIB, Count, Id, Line, Name, Short, empty, null
from .peer import Prompt, SkillInfo
from .tasks import MAX_ATTEMPTS, MAX_KEY, MAX_PRIORITY, MAX_TTL_MS

IPC_VERSION: Final = 1
"""The version of this protocol, told in ``hello``."""
MAX_LINE: Final = 16 * MIB
"""A line with its line end."""
MAX_FIRST_LINE: Final = KIB
"""The first line of a TCP connection, the ``proof``."""
PROOF_SECONDS: Final = 2.0
"""By when that has come."""
STREAM_WINDOW: Final = 256 * KIB
"""Bytes of items that a reader has room for before it grants more."""
ITEM_COST: Final = 64
"""Bytes that an item of a program's uses of its credit beside its own: so no window of the smallest
items is more items than the sidecar keeps."""
MOST_SKILLS: Final = 1024
TIMEOUT: Final = 30.0
CLIENT_PROOF: Final = b"chatixia/ipc/1 client"
SERVER_PROOF: Final = b"chatixia/ipc/1 server"
"""``mac`` is HMAC-SHA256 of the token over one of these, the ``nonce`` of the challenge and that of
the proof, each with a NUL before it."""

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400.0)]
Window = Annotated[int, msgspec.Meta(ge=1, le=64 * MIB)]
Nonce = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{22,86}$")]
Queueing = Literal["auto", "never", "only"]
SkillList = Annotated[list[SkillInfo], msgspec.Meta(max_length=MOST_SKILLS)]
Slots = Annotated[int, msgspec.Meta(ge=1, le=1024)]


class IpcFile(msgspec.Struct, omit_defaults=True):
    """An artifact, by its place in a line's ``artifacts``: ``{"$artifact": n}`` stands for it.

    Sent by a program: ``path``, a file in the folder that ``hello`` was answered with. Sent by the
    sidecar: ``ref``, by which ``fetch`` brings the file into that folder, with size and SHA-256.
    ``name``: a label, never a path.
    """

    path: Line = ""
    ref: Short = ""
    name: FileName = ""
    media_type: Name = ""
    size: Count = 0
    sha256: Short = ""


IpcFiles = Annotated[tuple[IpcFile, ...], msgspec.Meta(max_length=MAX_ENTRIES)]


class _Numbered(msgspec.Struct, omit_defaults=True, tag_field="type", kw_only=True):
    id: Count = 0


class _Caused(_Numbered, kw_only=True):
    cause: Count = msgspec.field(default=0, name="for")


# -- what a program sends


class SendPayload(msgspec.Struct):
    """``message``: a MeshMessage (docs/protocol.md)."""

    target_peer: Id
    message: msgspec.Raw = msgspec.field(default_factory=empty)


class SendCommand(_Caused, tag="send"):
    """Send a MeshMessage to one peer; what comes back arrives as ``message``."""

    payload: SendPayload


class BroadcastPayload(msgspec.Struct):
    """``message``: a MeshMessage."""

    message: msgspec.Raw = msgspec.field(default_factory=empty)


class BroadcastCommand(_Caused, tag="broadcast"):
    """Send a MeshMessage to every linked peer."""

    payload: BroadcastPayload


class ListPeersCommand(_Numbered, tag="list_peers"):
    """Ask for ``peer_list``."""

    payload: dict[str, Any] | None = None


class ConnectPayload(msgspec.Struct):
    """Whom to open a link to."""

    target_peer_id: Id


class ConnectCommand(_Numbered, tag="connect"):
    """Open a link; the result comes when it is open."""

    payload: ConnectPayload


class ServePayload(msgspec.Struct, omit_defaults=True):
    """``skills``: what others see. ``slots``: queued tasks at once. ``prompt``: free text is
    answered too. ``leaving``: the program ends soon, gets nothing new, and what comes waits for
    the next one; then nothing else here counts."""

    skills: SkillList = []
    slots: Slots = 8
    prompt: bool = False
    leaving: bool = False


class ServeCommand(_Numbered, tag="serve"):
    """Serve exactly these skills from now on."""

    payload: ServePayload


class IpcHelloPayload(msgspec.Struct, omit_defaults=True):
    """``name``: the agent's, empty for whatever the sidecar has. ``program``: a label for people.

    ``skills``, ``slots``, ``prompt``: as in ``serve``; None leaves serving for later. ``away``:
    what becomes of requests while the program is not there: they wait, or are ``busy`` at once.
    ``takeover``: another program on this socket gives way.
    """

    name: Id = ""
    version: Count = IPC_VERSION
    program: Line = ""
    skills: SkillList | None = None
    slots: Slots = 8
    prompt: bool = False
    away: Literal["wait", "busy"] = "wait"
    takeover: bool = False


class HelloCommand(_Numbered, tag="hello"):
    """Say who speaks; answered with an :class:`IpcWelcome`."""

    payload: IpcHelloPayload = msgspec.field(default_factory=IpcHelloPayload)


class OptionsPayload(msgspec.Struct, omit_defaults=True):
    """What calls have in common; see ``core.ports.Outgoing``. ``timeout``: seconds; it ends with
    the request that ``for`` names in any case. ``progress``: let ``progress`` events come.
    ``credit``: bytes of items that there is room for, where it streams."""

    timeout: Seconds = TIMEOUT
    idempotent: bool = False
    key: Short = ""
    queue: Queueing = "auto"
    reach: Annotated[float, msgspec.Meta(ge=0, le=86_400.0)] = 0.0
    elsewhere: bool = False
    progress: bool = False
    credit: Window = STREAM_WINDOW
    artifacts: IpcFiles = ()


class CallPayload(OptionsPayload, kw_only=True):
    """``args``: an object."""

    target: Id
    skill: Short = ""
    args: msgspec.Raw = msgspec.field(default_factory=empty)


class CallCommand(_Caused, tag="call"):
    """Call a skill; its value is the result."""

    payload: CallPayload


class StreamCommand(_Caused, tag="stream"):
    """Call a skill that streams: ``item`` events, then the result."""

    payload: CallPayload


class AnyPayload(OptionsPayload, kw_only=True):
    """``args``: an object."""

    skill: Short
    args: msgspec.Raw = msgspec.field(default_factory=empty)


class AnyCommand(_Caused, tag="any"):
    """Call a skill of whoever has it and can be reached."""

    payload: AnyPayload


class AskPayload(OptionsPayload, kw_only=True):
    """``prompt``: free text for an agent's model or handler; with its ``stream`` the answer comes
    as items."""

    target: Id
    prompt: Prompt


class AskCommand(_Caused, tag="ask"):
    """Ask an agent in free text; its answer is the result."""

    payload: AskPayload


class SkillsPayload(msgspec.Struct, omit_defaults=True):
    """One ``skill``, or all when empty."""

    target: Id
    skill: Short = ""
    timeout: Seconds = TIMEOUT


class SkillsCommand(_Caused, tag="skills"):
    """Ask an agent for its skills; the result is a SkillReply."""

    payload: SkillsPayload


class PingPayload(msgspec.Struct, omit_defaults=True):
    """Whom, and how many seconds."""

    target: Id
    timeout: Seconds = 5.0


class PingCommand(_Numbered, tag="ping"):
    """A round trip; the result says by which tier, in how many milliseconds, and where."""

    payload: PingPayload


class AgentsPayload(msgspec.Struct, omit_defaults=True):
    """Those with ``skill``, all when empty; a page of at most ``limit`` after ``cursor``."""

    skill: Short = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    cursor: Short = ""


class AgentsCommand(_Numbered, tag="agents"):
    """Ask the registry who there is."""

    payload: AgentsPayload = msgspec.field(default_factory=AgentsPayload)


class StatusCommand(_Numbered, tag="status"):
    """Ask the sidecar how it is; the result is an :class:`IpcStatus`."""

    payload: dict[str, Any] | None = None


class SubmitPayload(msgspec.Struct, omit_defaults=True):
    """A task for the registry's queue: of ``target``, or of any with ``skill`` when empty.

    ``key``: the same key with the same content is the same task. ``deadline``: seconds from now.
    """

    target: Id = ""
    skill: Short = ""
    args: msgspec.Raw = msgspec.field(default_factory=empty)
    key: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] = ""
    deadline: Annotated[float, msgspec.Meta(gt=0, le=MAX_TTL_MS / 1000)] = 86_400.0
    priority: Annotated[int, msgspec.Meta(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=MAX_ATTEMPTS)] = 3
    retry_of: Short = ""
    artifacts: IpcFiles = ()


class SubmitCommand(_Caused, tag="submit"):
    """Put a task in the queue; the result is its id."""

    payload: SubmitPayload


class TaskPayload(msgspec.Struct):
    """A task by its id."""

    task_id: Short


class TaskCommand(_Numbered, tag="task"):
    """A task as the registry has it now."""

    payload: TaskPayload


class WatchPayload(msgspec.Struct, omit_defaults=True):
    """``timeout``: seconds that it is watched at most."""

    task_id: Short
    timeout: Seconds = 300.0
    credit: Window = STREAM_WINDOW


class WatchCommand(_Numbered, tag="watch"):
    """Each step of a task as an ``item``; the result comes when the task has ended."""

    payload: WatchPayload


class VerbPayload(msgspec.Struct, omit_defaults=True):
    """A verb of docs/protocol.md and its request."""

    name: Short
    request: msgspec.Raw = msgspec.field(default_factory=empty)
    timeout: Seconds = 10.0


class VerbCommand(_Caused, tag="verb"):
    """Ask the registry by any verb; its reply is the result."""

    payload: VerbPayload


class CancelPayload(msgspec.Struct):
    """``call``: the ``id`` of the command that is not wanted any more."""

    call: Count


class CancelCommand(_Numbered, tag="cancel"):
    """Let a call go: the far skill is canceled, and the command ends with ``canceled``."""

    payload: CancelPayload


class CreditPayload(msgspec.Struct):
    """``call``: the ``id`` of a command that streams. ``bytes``: more room for its items."""

    call: Count
    bytes: Window


class CreditCommand(_Numbered, tag="credit"):
    """Take more items of a stream."""

    payload: CreditPayload


class FetchPayload(msgspec.Struct, omit_defaults=True):
    """``ref``: of an artifact that a line named."""

    ref: Short
    timeout: Seconds = 300.0


class FetchCommand(_Numbered, tag="fetch"):
    """Bring an artifact's bytes into the folder, checked; the result is the file's path."""

    payload: FetchPayload


class ReleasePayload(msgspec.Struct):
    """``ref``: of an artifact."""

    ref: Short


class ReleaseCommand(_Numbered, tag="release"):
    """An artifact is not wanted any more: its sender may let it go, and its file here goes."""

    payload: ReleasePayload


class ReplyPayload(msgspec.Struct, omit_defaults=True):
    """``value``: any JSON; after items, the value that ends the stream."""

    value: msgspec.Raw = msgspec.field(default_factory=null)
    artifacts: IpcFiles = ()


class ReplyCommand(_Caused, tag="reply"):
    """Answer a request."""

    payload: ReplyPayload = msgspec.field(default_factory=ReplyPayload)


class FailCommand(_Caused, tag="fail"):
    """Answer a request with an error of docs/errors.md."""

    payload: WireError


class ItemPayload(msgspec.Struct, omit_defaults=True):
    """One item of a stream. ``event``: an AgentEvent (docs/protocol.md) in its place, the item is
    an empty text then."""

    item: msgspec.Raw = msgspec.field(default_factory=null)
    artifacts: IpcFiles = ()
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ItemCommand(_Caused, tag="item"):
    """One item of a request that streams. With an ``id``: the result comes when it was taken."""

    payload: ItemPayload


class ProgressPayload(msgspec.Struct, omit_defaults=True):
    """A fraction from 0 to 1, None where nobody can say, and a note. ``event``: an AgentEvent of
    queued work instead."""

    fraction: float | None = None
    note: Line = ""
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ProgressCommand(_Caused, tag="progress"):
    """How far a request is; may be dropped."""

    payload: ProgressPayload


class ProofPayload(msgspec.Struct):
    """See :data:`CLIENT_PROOF`."""

    nonce: Nonce
    mac: Nonce


class ProofCommand(_Numbered, tag="proof"):
    """The first line over TCP: the program has the token."""

    payload: ProofPayload


Command = (
    CallCommand
    | ReplyCommand
    | SendCommand
    | BroadcastCommand
    | ListPeersCommand
    | ConnectCommand
    | HelloCommand
    | ServeCommand
    | StreamCommand
    | AnyCommand
    | AskCommand
    | SkillsCommand
    | PingCommand
    | AgentsCommand
    | StatusCommand
    | SubmitCommand
    | TaskCommand
    | WatchCommand
    | VerbCommand
    | CancelCommand
    | CreditCommand
    | FetchCommand
    | ReleaseCommand
    | FailCommand
    | ItemCommand
    | ProgressCommand
    | ProofCommand
)
