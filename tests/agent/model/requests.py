"""Requests that a model answers, for tests of what it may do."""

from __future__ import annotations

from typing import Any

import msgspec

from chatixia.agent.context import Ctx
from chatixia.core.ports import Incoming
from chatixia.ids import AgentId
from tests.agent.loopback import Responder
from tests.agent.served import Served

ADA = "laptop~abcdef"
"""A client of the machine that agents of these tests name in `callers`."""
CALLERS = ("laptop", "helper")


def incoming(path: tuple[str, ...] = (ADA,), via: str = "direct", **more: Any) -> Incoming:
    """A prompt that came by ``path``."""
    plain = Incoming(
        AgentId(path[-1] if path else ""),
        "r1",
        "prompt",
        "",
        msgspec.Raw(b'{"message":"hi"}'),
        False,
        path,
        None,
        "",
        via,
        "r1",
        holder=path[0] if path else "",
    )
    return msgspec.structs.replace(plain, **more)


def ctx_of(served: Served, request: Incoming) -> Ctx:
    """The Ctx of a request to that agent."""
    return served.runtime._ctx(request, Responder(), None)
