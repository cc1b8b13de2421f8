"""Joining by a six-digit code: codes, machines that wait for approval, and what the owner says.

A code lets a machine ask; what lets it in is the record that the owner signs after a person has
compared two keys (trust.md section 1).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from .base import B64, Count, Cursor, Id, Name, Short
from .trust import Signed

MAX_WAIT_MS: Final = 5_000
"""``pairings.wait`` answers by then: who asks has proved little, so its connection is short."""
PAGE: Final = 200

PairingState = Literal["pending_approval", "approved", "rejected", "revoked", "expired"]


class CodeCreated(msgspec.Struct, omit_defaults=True):
    """Reply of ``codes.create``. ``resting``: seconds until a code is taken at all, 0 for now."""

    code: Short
    expires_in: Count
    resting: float = 0.0


class PairBegin(msgspec.Struct, omit_defaults=True):
    """``pairings.begin``: a machine asks to be ``name``.

    ``sign``, ``seal``: its raw public keys; ``sig``: over what :func:`signed.pair` says, with the
    registry's ``nonce``. A key that asked before needs no code again.
    """

    code: Short
    name: Id
    sign: B64
    seal: B64
    nonce: B64
    sig: B64
    hostname: Name = ""


class PairWait(msgspec.Struct, omit_defaults=True):
    """``pairings.wait``: how it stands, once it has changed or ``wait_ms`` are over."""

    id: Short
    nonce: B64
    sig: B64
    wait_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_WAIT_MS)] = 0


class PairAnswer(msgspec.Struct, omit_defaults=True):
    """Reply of ``pairings.begin`` and ``pairings.wait``.

    ``expires_in``: seconds until nobody approves it any more; ``member``: a member has that name,
    with another key; ``chain``: the machine's, once it is approved.
    """

    id: Short
    name: Id
    state: PairingState
    now: float
    expires_in: float = 0.0
    member: bool = False
    chain: list[Signed] = []
    addresses: list[Name] = []


class PairingInfo(msgspec.Struct, omit_defaults=True):
    """A machine that asks to join, as its owner sees it. Times are mesh seconds.

    ``key``: what `pair` shows as the machine's key, as the registry has it; ``delegated``: the
    registry may let it in by itself (``registry.delegate``); ``member``: another machine has, or
    had until it was revoked, the name, so that an owner alone gives it (`approve --replace`).
    """

    id: Short
    name: Id
    state: PairingState
    sign: B64
    seal: B64
    created: Count
    expires: Count
    hostname: Name = ""
    address: Name = ""
    inviter: Id = ""
    key: Short = ""
    delegated: bool = False
    member: bool = False


class PairingsQuery(msgspec.Struct, omit_defaults=True):
    """``pairings.list``: oldest first, paged. ``name`` and ``state``: only those."""

    state: PairingState = "pending_approval"
    name: Id = ""
    cursor: Cursor = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE)] = PAGE


class Pairings(msgspec.Struct, omit_defaults=True):
    """A page; ``next`` is empty on the last one. ``resting``: as in :class:`CodeCreated`."""

    pairings: list[PairingInfo]
    next: Cursor = ""
    resting: float = 0.0


class PairApprove(msgspec.Struct, omit_defaults=True):
    """``pairings.approve``: by the owner, with the record that it signed (chain leaf to owner); or
    by a person, for the registry to sign, with the ``key`` that `pair` shows there."""

    id: Short
    chain: list[Signed] = []
    key: Short = ""


class PairingRef(msgspec.Struct, omit_defaults=True):
    """``pairings.reject``."""

    id: Short
