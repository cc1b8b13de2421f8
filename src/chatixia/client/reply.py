"""What a call came back with, and what a broadcast reached."""

from __future__ import annotations

from typing import Any

import msgspec

from chatixia.core.ports import CallAnswer

from .value import decode


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An answer and how it came.

    ``via``: the tier that carried it (``direct``, ``turn``, ``relay``; ``queue, plain``).
    ``ms``: from call to answer, whatever it took on the way. ``link_ms``: how long the link took
    to open if this call opened it. ``where``: the far address of a direct link. ``why``: why no
    link carried it (``no direct path: no answer over UDP``); ``tried_ms``: how long one was waited
    for before the queue took it.
    """

    value: Any
    via: str
    ms: float
    agent: str
    link_ms: float | None = None
    where: str = ""
    why: str = ""
    tried_ms: float | None = None


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who got a broadcast: ``ok``, by which tier, its ``reply`` if it gave one; else ``code``."""

    agent: str
    ok: bool
    via: str = ""
    ms: float = 0.0
    reply: str = ""
    code: str = ""
    message: str = ""


def make_reply(answer: CallAnswer, ms: float) -> Reply:
    """An answer with its value decoded, ``ms`` after it was asked for."""
    return Reply(
        decode(answer.value, answer.artifacts),
        answer.via,
        ms,
        answer.agent,
        answer.link_ms,
        answer.where,
        answer.reason,
        answer.tried_ms,
    )
