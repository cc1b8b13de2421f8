"""The audit log on the wire: one line for each act, and pages of them (trust.md section 4)."""

from __future__ import annotations

from typing import Annotated

import msgspec

from .base import B64, Count, Line, Name, Short

MAX_PAGE = 1000
"""Lines of one page."""
MAX_WAIT_MS = 25_000
"""Milliseconds that a page may wait for its first line."""


class AuditLine(msgspec.Struct, omit_defaults=True, frozen=True, rename={"origin": "from"}):
    """One act. ``n`` rises by one, ``at`` is mesh time in whole milliseconds.

    ``actor``: the id of the principal, empty for nobody that was proved; ``kind``: what it is (a
    caller's kind, or ``local`` for the registry's own machine). ``act``: a verb's name or a word of
    :data:`chatixia.core.audit.ACTS`. ``target``: the id that it concerns. ``origin`` (``from``): a
    network address. ``detail``: a few plain words, never a payload or a secret. ``hash``: SHA-256
    over the hash before and this line, as ``core.audit`` says.
    """

    n: Count
    at: Count
    actor: Name
    kind: Short
    act: Short
    target: Name = ""
    origin: Short = ""
    detail: Line = ""
    hash: B64 = ""


class AuditMark(msgspec.Struct, omit_defaults=True, frozen=True):
    """A line's number and hash; 0 and empty before the first."""

    n: Count = 0
    hash: B64 = ""


class AuditQuery(msgspec.Struct, omit_defaults=True):
    """``audit.list``: newest first, from below line ``n``; with ``oldest`` from above it upwards.

    ``actor``, ``act`` and ``target`` narrow it. ``wait_ms``: with ``oldest`` an empty answer waits
    so long for a line.
    """

    n: Count = 0
    oldest: bool = False
    actor: Name = ""
    act: Short = ""
    target: Name = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = 200
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT_MS)] = 0


class AuditPage(msgspec.Struct, omit_defaults=True):
    """A page. ``more``: there are further lines in that direction. ``head``: the newest line;
    ``floor``: the newest of those that outlived their time and were dropped."""

    lines: list[AuditLine]
    head: AuditMark = AuditMark()
    floor: AuditMark = AuditMark()
    more: bool = False
