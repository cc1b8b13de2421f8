"""What a sidecar tells its program: the other half of :mod:`chatixia.wire.ipc`."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from chatixia.errors import WireError

from .base import Count, Id, Line, Name, Short, decoder, empty, null
from .ipc import (
    MAX_LINE,
    STREAM_WINDOW,
    Command,
    IpcFiles,
    ItemPayload,
    Nonce,
    ProgressPayload,
    ProofPayload,
)
from .signaling import LinkReport


class _Event(msgspec.Struct, omit_defaults=True, tag_field="type", kw_only=True):
    id: Count = 0


class MessagePayload(msgspec.Struct):
    """``message``: a MeshMessage."""

    from_peer: Id
    message: msgspec.Raw = msgspec.field(default_factory=empty)


class MessageEvent(_Event, tag="message"):
    """A MeshMessage of a peer, for a program that said no ``hello``."""

    payload: MessagePayload


class PeerPayload(msgspec.Struct):
    """Which peer."""

    peer_id: Id


class PeerConnectedEvent(_Event, tag="peer_connected"):
    """A link to that peer is open."""

    payload: PeerPayload


class PeerDisconnectedEvent(_Event, tag="peer_disconnected"):
    """It is not any more."""

    payload: PeerPayload


class PeersPayload(msgspec.Struct):
    """The linked peers."""

    peers: list[Id]


class PeerListEvent(_Event, tag="peer_list"):
    """The answer to ``list_peers``."""

    payload: PeersPayload


class ResultPayload(msgspec.Struct, omit_defaults=True):
    """``value``: any JSON. Of calls also: the tier that carried it, milliseconds, who answered,
    and what ``core.ports.CallAnswer`` says of the link."""

    value: msgspec.Raw = msgspec.field(default_factory=null)
    via: Short = ""
    ms: float = 0.0
    agent: Id = ""
    link_ms: float | None = None
    where: Name = ""
    reason: Line = ""
    tried_ms: float | None = None
    artifacts: IpcFiles = ()


class ResultEvent(_Event, tag="result"):
    """A command is done."""

    payload: ResultPayload = msgspec.field(default_factory=ResultPayload)


class ErrorEvent(_Event, tag="error"):
    """A command failed; without an ``id``, a line could not be read."""

    payload: WireError


class ItemEvent(_Event, tag="item"):
    """One item of a stream that the program reads."""

    payload: ItemPayload


class ProgressEvent(_Event, tag="progress"):
    """How far a call of the program is."""

    payload: ProgressPayload


class RequestPayload(msgspec.Struct, omit_defaults=True):
    """Work; see ``core.ports.Incoming``. ``path``: everyone who caused it, the caller last.

    ``deadline_ms``: milliseconds that are left, 0 for no bound. ``credit``: bytes of items that
    there is room for, where ``stream`` says that it streams. ``trust``: who let the caller in, the
    ``owner`` or the ``registry``, as its link proved.
    """

    caller: Id
    skill: Short = ""
    args: msgspec.Raw = msgspec.field(default_factory=empty)
    stream: bool = False
    path: list[Id] = []
    deadline_ms: Count = 0
    traceparent: str = ""
    via: Short = ""
    key: Name = ""
    request_id: Name = ""
    fence: Name = ""
    attempt: Count = 1
    task_id: Short = ""
    holder: Name = ""
    credit: Count = STREAM_WINDOW
    artifacts: IpcFiles = ()
    trust: Short = "unverified"


class RequestEvent(_Event, tag="request"):
    """A skill is called: ``reply``, ``fail`` and ``item`` name its ``id`` as ``for``."""

    payload: RequestPayload


class PromptEvent(_Event, tag="prompt"):
    """Free text for this agent: as ``request``, with a Prompt (docs/protocol.md) as ``args``."""

    payload: RequestPayload


class CancelEvent(_Event, tag="cancel"):
    """Nobody waits for the request of that ``id`` any more; its answer is ignored."""


class CreditGrant(msgspec.Struct):
    """``bytes``: more room for items."""

    bytes: Count


class CreditEvent(_Event, tag="credit"):
    """More items of the request of that ``id`` may be sent."""

    payload: CreditGrant


class ChallengePayload(msgspec.Struct):
    """See ``wire.ipc.CLIENT_PROOF``."""

    nonce: Nonce


class ChallengeEvent(_Event, tag="challenge"):
    """The first line over TCP."""

    payload: ChallengePayload


class ProofEvent(_Event, tag="proof"):
    """The sidecar has the token too."""

    payload: ProofPayload


class IpcWelcome(msgspec.Struct, omit_defaults=True):
    """The result of ``hello``. ``name``: the agent's id. ``folder``: where artifacts lie.

    ``key``: its key as people compare it. ``label``, ``url``: its mesh and registry, as of now
    ``online`` or not. ``line``: bytes of the longest line.
    """

    name: Id
    version: Count
    folder: Line = ""
    key: Name = ""
    label: Name = ""
    url: Line = ""
    online: bool = False
    line: Count = MAX_LINE


class IpcStatus(msgspec.Struct):
    """The result of ``status``: the login, the links, the program's calls and requests that are
    open, and what the sidecar holds for it in bytes."""

    name: Id
    online: bool = False
    url: Line = ""
    links: list[LinkReport] = []
    calls: Count = 0
    requests: Count = 0
    waiting: Count = 0
    unread_bytes: Count = 0


Event = (
    ResultEvent
    | RequestEvent
    | ErrorEvent
    | ItemEvent
    | MessageEvent
    | PeerConnectedEvent
    | PeerDisconnectedEvent
    | PeerListEvent
    | ProgressEvent
    | PromptEvent
    | CancelEvent
    | CreditEvent
    | ChallengeEvent
    | ProofEvent
)

commands: Final = decoder(Command)


def schema() -> dict[str, Any]:
    """Every line and the two results that are of a fixed form, as a JSON Schema 2020-12."""
    kinds = (Command, Event, IpcWelcome, IpcStatus)
    (command, event, *_), components = msgspec.json.schema_components(
        kinds, ref_template="#/$defs/{name}"
    )
    both = {"Command": command, "Event": event}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lines between a program and its chatixia sidecar",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in both],
        "$defs": {**both, **components},
    }
