"""What tasks need of the registry's sockets, and what they learn from them."""

from __future__ import annotations

from typing import Protocol

import msgspec

from chatixia.ids import AgentId


class PushPort(Protocol):
    """Sockets of the logged-in principals."""

    def push(self, recipient: AgentId, message: msgspec.Struct, epoch: str = "") -> bool:
        """Queue ``message`` on the socket of ``recipient``, or on all its sockets.

        ``epoch``: of that login alone. Never waits; False if there is none or it is full.
        """
        ...


class WorkerLogin(msgspec.Struct, frozen=True):
    """An agent's login as far as it takes work.

    ``slots``: how many queue tasks this process is willing to hold at once, held ones included;
    0 takes none. ``skills``: names.
    """

    id: AgentId
    incarnation: str
    slots: int
    skills: frozenset[str]
    ns: str = "default"
    epoch: str = ""
