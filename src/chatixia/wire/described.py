"""Signaling of the described contract (requirements B.2), as its peers say and read it.

One envelope for all frames; nothing is signed, and what is not known is ignored. ``wire.signaling``
has what the registry makes of it for an agent.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .base import EMPTY, KIB, Id, Line, Short, decode, decoder, encode, null
from .signaling import DescribedSignal, Sdp

MAX_DESCRIBED: Final = 64 * KIB
"""Bytes of a frame, and of a message on the DataChannel."""
LABEL: Final = "mesh"
"""The one DataChannel."""
REGISTRY: Final = "registry"
"""Who sends ``peer_list``."""


class DescribedFrame(msgspec.Struct):
    """The envelope. ``type``: register, peer_list, offer, answer, ice_candidate, heartbeat."""

    type: Short
    peer_id: Id = ""
    target_id: Id | None = None
    payload: msgspec.Raw = msgspec.field(default_factory=null)


class DescribedSdp(msgspec.Struct):
    """Payload of ``offer`` and ``answer``."""

    sdp: Sdp


class DescribedCandidate(msgspec.Struct):
    """Payload of ``ice_candidate``."""

    candidate: Line = ""
    mid: Short | None = msgspec.field(default=None, name="sdpMid")
    index: int | None = msgspec.field(default=None, name="sdpMLineIndex")


class DescribedList(msgspec.Struct):
    """Payload of ``peer_list``."""

    peers: list[str]


class DescribedError(msgspec.Struct):
    """Payload of ``error``, a frame of ours: what reached nobody, and why."""

    code: str = ""
    message: str = ""
    target_id: Id | None = None


frames: Final = decoder(DescribedFrame)
descriptions: Final = decoder(DescribedSdp)
candidates: Final = decoder(DescribedCandidate)
lists: Final = decoder(DescribedList)
errors: Final = decoder(DescribedError)


def frame(kind: str, peer: str, target: str = "", payload: Any = EMPTY) -> bytes:
    """A frame as it goes out; one without ``target`` has no ``target_id``."""
    body: dict[str, Any] = {"type": kind, "peer_id": peer}
    if target:
        body["target_id"] = target
    return encode({**body, "payload": payload})


def signal_frame(signal: DescribedSignal) -> bytes:
    """A signal as its described reader expects it."""
    payload: Any = DescribedSdp(signal.sdp)
    if signal.kind == "ice_candidate":
        payload = DescribedCandidate(signal.candidate, signal.sdp_mid, signal.sdp_m_line_index)
    return frame(signal.kind, signal.peer_id, signal.target_id, payload)


def signal_of(frame: DescribedFrame) -> DescribedSignal:
    """A frame between peers as an agent reads it. Raises BadRequest."""
    target, kind, payload = frame.target_id or "", frame.type, bytes(frame.payload)
    if kind == "ice_candidate":
        one = decode(candidates, payload, MAX_DESCRIBED)
        return DescribedSignal(
            target, "ice_candidate", "", one.candidate, one.mid, one.index, frame.peer_id
        )
    sdp = decode(descriptions, payload, MAX_DESCRIBED).sdp
    return DescribedSignal(
        target, "offer" if kind == "offer" else "answer", sdp, peer_id=frame.peer_id
    )
