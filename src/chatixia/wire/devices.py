"""Pairing of the described contract: an agent asks by a code, and gets a device token.

The token is shown once, by the one who approves, and stands in no list.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from .base import Count, Cursor, Id, Line, Name, Short

PAGE: Final = 200
DEVICE_PREFIX: Final = "dt_"
"""Before a device token (128 random bits in hex), which is an API key by another name."""


class DeviceCode(msgspec.Struct):
    """Reply of ``devices.code``: six digits, and for how many seconds they are good."""

    code: Short
    expires_in: Count


class DevicePair(msgspec.Struct):
    """``devices.pair``: an agent asks to join."""

    code: Short
    agent_name: Line = ""


class DevicePending(msgspec.Struct):
    """Reply of ``devices.pair``, and of ``devices.reject`` and ``devices.revoke`` how it stands."""

    id: Short
    status: Short
    peer_id: Id


class DeviceApproved(msgspec.Struct):
    """Reply of ``devices.approve``: the only place where its token is shown."""

    id: Short
    status: Short
    peer_id: Id
    device_token: Short


class OnboardingEntry(msgspec.Struct):
    """An agent that asked. Times are mesh seconds."""

    id: Short
    agent_name: Name
    peer_id: Id
    status: Short
    created_at: float
    updated_at: float


class DeviceRef(msgspec.Struct):
    """``devices.approve``, ``devices.reject``, ``devices.revoke``."""

    id: Short


class DevicesQuery(msgspec.Struct, omit_defaults=True):
    """``devices.pending`` and ``devices.list``: oldest first; a ``Link`` header leads on."""

    cursor: Cursor = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE)] = PAGE
