"""An agent's runtime on a loopback, and a mesh that calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chatixia.agent.builtin import builtin
from chatixia.agent.inbox import Inbox
from chatixia.agent.prompts import PromptService
from chatixia.agent.runtime import Runtime
from chatixia.agent.skill import Skill
from chatixia.client.call_context import CallContext
from chatixia.client.mesh import Mesh
from tests.agent.loopback import Net


class Served:
    """``skills`` of an agent ``name`` on ``net``."""

    def __init__(
        self,
        net: Net,
        name: str,
        *fns: Callable[..., Any] | Skill,
        prompt: Callable[..., Any] | None = None,
        builtins: tuple[str, ...] = (),
    ) -> None:
        self.port = net.port(name)
        self.door = CallContext(self.port)
        self.inbox = Inbox()
        self.prompts = desk = PromptService(name, self.inbox)
        if prompt is not None:
            desk.set_handler(prompt)
        self.runtime = Runtime(name, self.door, desk, f"What {name} does.")
        skills = [f if isinstance(f, Skill) else Skill(f.__name__, f) for f in fns]
        skills += [builtin(b, desk) for b in builtins]
        self.port.serve(self.runtime.handle, self.runtime.offer(skills), 4)
        self.mesh = Mesh(self.door)

    def close(self) -> None:
        self.runtime.close()


def client(net: Net, name: str = "me~abcdef") -> Mesh:
    """A client's mesh on ``net``."""
    return Mesh(CallContext(net.port(name)))
