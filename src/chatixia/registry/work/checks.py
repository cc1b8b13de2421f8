"""What a submit or a result must be before the store sees it."""

from __future__ import annotations

from typing import Final

import msgspec

from chatixia.core import names
from chatixia.core.ports import Principal
from chatixia.core.task import queue_name
from chatixia.errors import Denied, HopLimit, TooLarge, Unprocessable
from chatixia.ids import is_task_id
from chatixia.wire import tasks as t
from chatixia.wire.events import MAX_EVENT
from chatixia.wire.peer import MAX_HOPS


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    """Our own form of a payload, and nothing else beside it."""

    plain: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    sealed: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_body: Final = msgspec.json.Decoder(_Body)
SEALED: Final = "Sealed work is not supported by this registry yet; send it as plain."


def plain_payload(raw: bytes) -> bytes:
    """The JSON bytes that count as the payload: what ``plain`` holds, else all of ``raw``.

    Raises Unprocessable for ``sealed`` (reserved), TooLarge above 1 MiB.
    """
    plain = raw
    try:
        body = _body.decode(raw)
    except msgspec.MsgspecError:
        pass  # any other JSON is the described form
    else:
        if body.sealed is not msgspec.UNSET:
            raise Unprocessable(SEALED)
        if body.plain is not msgspec.UNSET:
            plain = bytes(body.plain)
    if len(plain) > t.MAX_PAYLOAD:
        raise TooLarge(t.TOO_LARGE)  # the same sentence everywhere
    return plain


def plain_result(body: t.Body) -> bytes:
    """A result's JSON bytes, ``null`` if there are none. Raises as :func:`plain_payload`."""
    if body.sealed is not msgspec.UNSET:
        raise Unprocessable(SEALED)
    return b"null" if body.plain is msgspec.UNSET else fitting_result(bytes(body.plain))


def fitting_result(data: bytes) -> bytes:
    """``data``, if the queue takes that much. Raises TooLarge."""
    if len(data) > t.MAX_PAYLOAD:
        raise TooLarge(f"A task's result may have {t.MAX_PAYLOAD} bytes; this one has {len(data)}.")
    return data


def fitting_event(event: msgspec.Raw | msgspec.UnsetType) -> None:
    """Raise TooLarge for an event that no watcher would take."""
    if event is not msgspec.UNSET and len(event) > MAX_EVENT:
        raise TooLarge(f"An event may have {MAX_EVENT} bytes; this one has {len(event)}.")


def submit(principal: Principal, request: t.Submit) -> None:
    """Raise if the words of a submit cannot stand, whatever is in the store."""
    target = request.target_agent_id
    if request.ns not in ("default", principal.ns):
        raise Denied("Work cannot be submitted to another namespace.")
    if not queue_name(request.skill, target):
        raise Unprocessable("A task needs a target, a skill, or both.")
    if request.skill:
        names.skill(request.skill)
    if target:
        names.agent(target)
    if target == principal.id:
        raise Unprocessable("An agent cannot queue work for itself.")
    if not all(is_task_id(one) for one in (request.id, request.retry_of) if one):
        raise Unprocessable("A task id is t_ and 26 characters of base32.")
    if len(request.path) > MAX_HOPS:
        raise HopLimit
    if request.deadline_ms == 0:
        raise Unprocessable("The task's deadline has passed.")


def lifetime(request: t.Submit) -> float:
    """Seconds until the task's deadline."""
    if request.deadline_ms is not None:
        return request.deadline_ms / 1000
    return request.ttl if request.ttl is not None else t.DEFAULT_TTL_MS / 1000


def page(query: t.Query) -> None:
    """Raise Unprocessable for a filter that can match nothing."""
    if query.state and query.state not in t.STATES:
        raise Unprocessable(f"{query.state!r} is not a state; use one of {', '.join(t.STATES)}.")
