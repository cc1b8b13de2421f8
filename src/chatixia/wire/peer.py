"""What two agents say on a DataChannel (or relay stream): frames, hello, MeshMessages.

A frame is one binary message. First byte ``{``: JSON, :class:`Frame` or :class:`HelloFrame`.
First byte 0x01: a fragment (links.md section 5). 0x02: bytes of an artifact (``wire.artifacts``).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from chatixia.errors import WireError

from .artifacts import ArtifactTable, FileName
from .base import B64, EMPTY, KIB, MIB, Count, Id, Line, Name, Short, empty
from .trust import Signed

FRAME_TARGET: Final = 16 * KIB
"""A frame closes at this size; a larger message is cut into fragments."""
MAX_FRAME: Final = 256 * KIB
MAX_MESSAGE: Final = 16 * MIB
MAX_HELLO: Final = 16 * KIB
MAX_SKILL_BYTES: Final = MIB
"""The skills of one agent with their schemas, as they travel."""
MAX_RESOURCE: Final = 256
"""Characters of the address of a skill that is a resource."""
MAX_HOPS: Final = 8
MAX_FILES: Final = 8
"""Files that go with one prompt."""
MAX_FILE_BYTES: Final = 8 * MIB
"""All of them together."""
CHANNEL: Final = "mesh"
"""The label of the call channel, and of the described single channel."""
STATUS_CHANNEL: Final = "status"
"""The label of the unordered channel on which nothing is sent again, for ``agent_status``."""
MAX_STATUS: Final = KIB
"""A message on that channel; a longer one is dropped."""
MAX_REVOKED: Final = 32
"""Revocations in one frame."""

MESSAGE_TYPES: Final[dict[str, str]] = {
    "ping": "are you there; answered by pong with the same request_id",
    "pong": "answer to ping",
    "task_request": "run a skill",
    "task_response": "a skill's result or error; also ends a stream",
    "task_stream_chunk": "one item of a streamed result",
    "skill_query": "which skills do you have",
    "skill_response": "answer to skill_query",
    "agent_status": "a peer tells its state",
    "agent_prompt": "free text to an agent's model or handler",
    "agent_response": "the whole answer to a prompt; also ends its stream",
    "agent_stream_chunk": "a piece of an answer to a prompt",
    "cancel": "stop working on that request",
    "progress": "how far a request is",
    "credit": "how much more the other side may send",
    "error": "a message that could not be handled",
}


class MeshMessage(msgspec.Struct, omit_defaults=True):
    """The described envelope and our optional fields.

    ``deadline_ms``: remaining milliseconds when sent. ``path``: the ids that caused this call,
    first asker first, without the sender's own link peer. ``ns``: namespace inside the mesh.
    """

    type: str
    request_id: str = ""
    source_agent: str = ""
    target_agent: str = ""
    payload: msgspec.Raw = EMPTY
    deadline_ms: int | None = None
    path: list[str] = []
    traceparent: str = ""
    ns: str = ""
    error: WireError | None = None


class Frame(msgspec.Struct, omit_defaults=True):
    """One numbered frame. ``s`` 0 (absent) marks a frame outside the sequence (a pure ack)."""

    s: int = 0
    a: int = 0
    m: list[MeshMessage] = []


class TaskRequest(msgspec.Struct, omit_defaults=True, gc=False):
    """Payload of ``task_request``. ``message`` is the described free text; ``args`` an object.

    ``artifacts``: what ``{"$artifact": n}`` in ``args`` stands for.
    """

    skill: Short = ""
    args: msgspec.Raw = EMPTY
    message: str = ""
    stream: bool = False
    idempotent: bool = False
    artifacts: ArtifactTable = ()


class TaskResponse(msgspec.Struct, omit_defaults=True, gc=False):
    """Payload of ``task_response``; an error stands in the envelope.

    ``items``: how many chunks the stream had, so that a lost one is noticed.
    """

    result: msgspec.Raw = msgspec.Raw(b"null")
    items: Count = 0
    artifacts: ArtifactTable = ()


class StreamChunk(msgspec.Struct, omit_defaults=True):
    """Payload of ``task_stream_chunk`` and ``agent_stream_chunk``: item ``n``, from 0.

    ``event``: a ``wire.events.AgentEvent`` instead of an item, which is an empty text then.
    """

    n: Count = 0
    item: msgspec.Raw = msgspec.Raw(b"null")
    text: str = ""
    done: bool = False
    artifacts: ArtifactTable = ()
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class PromptFile(msgspec.Struct, omit_defaults=True):
    """A file that goes with a prompt: text, or an image. ``name`` is a label, never a path."""

    name: FileName
    media_type: Name
    data: bytes


STEERED: Final = "steered"


class Prompt(msgspec.Struct, omit_defaults=True):
    """Payload of ``agent_prompt``. ``ack``: confirm that you have it, answer nothing.
    ``steer``: words for the run that is under way in that session; the answer is :data:`STEERED`,
    or empty where none is.

    ``returns``: JSON Schema that the answer must fit. ``files``: what the text is about.
    ``dry_run``: answer with what a model would be given, and ask none.
    """

    message: str = ""
    text: str = ""
    session_id: Short = ""
    direct: bool = False
    broadcast: bool = False
    stream: bool = False
    ack: bool = False
    dry_run: bool = False
    returns: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    files: Annotated[tuple[PromptFile, ...], msgspec.Meta(max_length=MAX_FILES)] = ()
    steer: bool = False


class PreviewTool(msgspec.Struct, omit_defaults=True):
    """A tool that a model would be offered. ``effect``: ``read``, ``call`` or ``write``."""

    name: Name
    effect: Short = ""
    description: Line = ""


class PromptPreview(msgspec.Struct, omit_defaults=True):
    """The answer to a prompt with ``dry_run``: what a model would be given, with an estimate of its
    tokens and of their price in US dollars, None without one."""

    model: Name = ""
    instructions: str = ""
    messages: Count = 0
    tools: list[PreviewTool] = []
    tokens: Count = 0
    cost: float | None = None


class SkillInfo(msgspec.Struct, omit_defaults=True):
    """A skill as others see it. ``parameters`` and ``returns`` are JSON Schema 2020-12.
    ``as_prompt``: hosts of MCP show it to people as a prompt, and not to models as a tool.
    ``resource``: the address under which they read what it answers, its variables in braces."""

    name: Short
    description: Line = ""
    parameters: msgspec.Raw = msgspec.field(default_factory=empty)
    returns: msgspec.Raw = msgspec.field(default_factory=empty)
    streams: bool = False
    idempotent: bool = False
    as_prompt: bool = False
    resource: Annotated[str, msgspec.Meta(max_length=MAX_RESOURCE)] = ""


class SkillQuery(msgspec.Struct, omit_defaults=True):
    """Payload of ``skill_query``: one skill, or all when empty."""

    skill: Short = ""


class SkillReply(msgspec.Struct, omit_defaults=True):
    """Payload of ``skill_response``."""

    available: bool = False
    description: Line = ""
    skills: list[SkillInfo] = []


class Status(msgspec.Struct, omit_defaults=True):
    """Payload of ``agent_status``: ``idle``, ``acting`` (skills run) or ``thinking`` (a prompt is
    answered). ``running``: requests at work; ``n`` rises with each change of one process."""

    status: Short = ""
    running: Count = 0
    n: Count = 0


class Ping(msgspec.Struct, omit_defaults=True):
    """Payload of ``ping`` and ``pong``: the highest signed versions that I know, and ``revoked``,
    the digest of my list of revocations, as in ``hello``."""

    policy: Count = 0
    revocations: Count = 0
    revoked: Short = ""


class Progress(msgspec.Struct, omit_defaults=True):
    """Payload of ``progress``: a fraction from 0 to 1 and a note."""

    fraction: float = 0.0
    note: Line = ""


class Credit(msgspec.Struct, omit_defaults=True):
    """Payload of ``credit``: running totals in bytes, never increments."""

    link: Count = 0
    streams: dict[str, int] = {}


class Hello(msgspec.Struct, omit_defaults=True):
    """The first message each way on each connection or relay stream (trust.md section 2).

    All but ``a``, ``policy``, ``revocations`` and ``revoked`` are under the signature beside it.
    ``revoked``: digest of the list of revocations, which ``revocations`` is the version of.
    ``session_a`` is ``a``: the highest frame of the peer that I had in order.
    """

    path: Literal["direct", "relay"]
    mesh: Short
    side: Literal["offerer", "answerer"]
    source: Id
    target: Id
    nonce: B64
    peer_nonce: B64
    incarnation: Short
    peer_incarnation: Short
    fingerprint: B64 = ""
    peer_fingerprint: B64 = ""
    offer_hash: B64 = ""
    answer_hash: B64 = ""
    version: Count = 1
    capabilities: list[Name] = []
    peer_capabilities_hash: B64 = ""
    a: Count = 0
    policy: Count = 0
    revocations: Count = 0
    revoked: Short = ""


class HelloFrame(msgspec.Struct):
    """``{"hello": {...}, "sig": "..."}``, unnumbered; ``sig`` as ``wire.signed.hello`` says."""

    hello: Hello
    sig: B64


class Bye(msgspec.Struct, omit_defaults=True):
    """``{"bye": n}``: idle close asked; ``{"bye_ack": n}`` agrees (links.md section 4).

    ``n``: how many frames the asker has in order; silence refuses.
    """

    bye: Count | None = None
    bye_ack: Count | None = None


class RevokedFrame(msgspec.Struct):
    """``{"revoked": [...]}``, unnumbered: revocations of the owner that the peer may not know."""

    revoked: Annotated[list[Signed], msgspec.Meta(max_length=MAX_REVOKED)]


CAPABILITIES: Final = (
    "session/1",
    "fragments/1",
    "credit/1",
    "stream/1",
    "status/1",
    "artifacts/1",
    "events/1",
    "revocations/1",
)
"""What this build can do, offered in offer, answer and hello."""
