"""A handle on a skill instead of an agent: whoever has it and can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatixia.core.ports import Outgoing
from chatixia.errors import DeadlineExceeded, Overloaded, UnknownSkill, Unreachable
from chatixia.ids import AgentId

from .directory import Directory
from .door import Door
from .handle import Options, make_reply
from .reply import Reply
from .retry import insist
from .value import encode_args

MOVE_ON = (Unreachable, UnknownSkill, Overloaded)
"""Errors after which another agent may do it: nothing happened at this one."""


class AnyHandle:
    """The agents that have one skill. Never the asker, nor anyone who is waiting for it."""

    def __init__(self, door: Door, directory: Directory, skill: str, options: Options) -> None:
        self._door = door
        self._directory = directory
        self._options = options
        self._turn = int(door.world.jitter() * 1024)
        self.skill = skill

    def __getattr__(self, skill: str) -> AnyCaller:
        if skill.startswith("_"):
            raise AttributeError(f"use .call({skill!r}, ...) for a skill of that name")
        return AnyCaller(self, skill)

    def __repr__(self) -> str:
        return f"<any agent with {self.skill}>"

    async def pick(self, timeout: float = 10.0) -> list[AgentId]:
        """The candidates, best first: they take turns. Raises UnknownSkill if there is none."""
        found = await self._directory.having(self.skill, timeout)
        names = [a.agent_id for a in found if a.agent_id not in self._door.avoid]
        if not names:
            raise UnknownSkill(f"No other agent in the mesh has the skill {self.skill}.")
        self._turn += 1
        first = self._turn % len(names)
        return [AgentId(name) for name in names[first:] + names[:first]]

    async def call(self, skill: str, args: Mapping[str, Any] | None = None) -> Reply:
        """``skill`` of one of them; another is tried where nothing happened at the first."""
        body = encode_args(args or {})
        until = self._door.world.monotonic() + self._door.budget(self._options.timeout)
        names = await self.pick(self._options.timeout)
        for name in names[:-1]:
            try:
                return await self._try(name, skill, body, until, len(names))
            except MOVE_ON as error:
                if error.outcome == "unknown" and not self._options.idempotent:
                    raise
        return await self._try(names[-1], skill, body, until, 1)

    async def _try(self, name: AgentId, skill: str, body: bytes, until: float, share: int) -> Reply:
        """Ask one of them. While others remain, it must be reached by a link: the queue waits."""
        left = until - self._door.world.monotonic()
        if left <= 0:
            raise DeadlineExceeded(outcome="definite")
        options = self._options
        queue = "never" if share > 1 and options.queue == "auto" else options.queue
        out = Outgoing(name, skill, body, "task", left, options.idempotent, queue=queue)
        answer = await (insist(self._door, out) if share == 1 and options.idempotent
                        else self._door.call(out))  # fmt: skip
        return make_reply(answer)


class AnyCaller:
    """One skill of whoever has it, ready to call."""

    __slots__ = ("_handle", "_skill")

    def __init__(self, handle: AnyHandle, skill: str) -> None:
        self._handle = handle
        self._skill = skill

    async def __call__(self, /, **args: Any) -> Any:
        """The skill's value, or one MeshError before the timeout."""
        return (await self._handle.call(self._skill, args)).value
