"""Logins of one process take turns: of many agents that start at once, each then has its time.

All at once they would share one loop and one registry, every handshake would outlast its time
limit, and all would begin again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from weakref import WeakKeyDictionary

from chatixia.core.ports import LocalIdentity
from chatixia.wire.signaling import Register

from .login import LoginConnection, login

LOGINS_AT_ONCE: Final = 16
"""Logins that one event loop has under way at one registry."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = (
    WeakKeyDictionary()
)


def login_turn(url: str) -> asyncio.Semaphore:
    """Enter it for a login at ``url``. One registry that hangs holds up no other's logins."""
    turns = _turns.setdefault(asyncio.get_running_loop(), {})
    if url not in turns:
        turns[url] = asyncio.Semaphore(LOGINS_AT_ONCE)
    return turns[url]


async def login_in_turn(
    url: str, me: LocalIdentity, register: Register, token: bytes, numbers: Sequence[str]
) -> LoginConnection:
    """``login`` when it is its turn; its time begins then. Raises what that raises."""
    async with login_turn(url):
        return await login(url, me, register, token, numbers=numbers)
