"""Signaling between two members: the sender's name is stamped from its login, nothing is kept.

The registry cannot forge an offer (it is signed), only fail to carry it; so a frame that cannot
be delivered is answered with an error at once.
"""

from __future__ import annotations

import msgspec

from chatixia.errors import Denied, MeshError, UnknownAgent
from chatixia.wire.signaling import (
    Answer,
    Connect,
    IceCandidate,
    Offer,
    RelayOpen,
    RelayReady,
    SignalError,
)

from .roster import Roster, reachable
from .socket import MAX_CONTACTS, Socket

Signal = Offer | Answer | IceCandidate | Connect | RelayOpen | RelayReady | SignalError


def relay(roster: Roster, sender: Socket, frame: Signal) -> None:
    """Stamp and pass on one frame. Raises Denied or UnknownAgent; the sender is told then."""
    forward(sender, target_of(roster, sender, frame.target_id), frame)


def target_of(roster: Roster, sender: Socket, target_id: str) -> Socket:
    """The login that ``sender`` may reach by that id. Raises Denied or UnknownAgent."""
    if not reachable(sender):
        raise Denied("Only members with a key have links.")
    target = roster.get(target_id)
    if target is None or not reachable(target) or target is sender or _apart(sender, target):
        raise UnknownAgent(f"{target_id} is not connected.", agent=target_id)
    return target


def forward(sender: Socket, target: Socket, frame: Signal) -> None:
    """Stamp one frame and queue it at ``target``. Raises UnknownAgent."""
    frame.peer_id = sender.id
    if not target.send(frame):
        raise UnknownAgent(f"{frame.target_id} is not connected.", agent=frame.target_id)
    _meet(sender, target)


def _apart(one: Socket, other: Socket) -> bool:
    assert one.principal and other.principal
    return one.principal.ns != other.principal.ns


def _meet(sender: Socket, target: Socket) -> None:
    """Remember who must be told when an unlisted client is gone."""
    for one, other in ((sender, target), (target, sender)):
        if len(one.contacts) < MAX_CONTACTS:
            one.contacts.add(other.id)


def refusal(error: MeshError, ref: str, target: str = "") -> SignalError:
    """An error as the frame that answers what caused it."""
    return SignalError(
        error.code,
        error.message,
        ref[:64],
        error.retryable,
        error.outcome,
        target,
        retry_after=error.retry_after,
    )


def tag(frame: msgspec.Struct) -> str:
    """The ``type`` of a frame."""
    return str(type(frame).__struct_config__.tag)
