"""A handle on a skill instead of an agent: whoever has it and can be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Never, NoReturn

from chatixia.core.ports import Outgoing
from chatixia.core.tries import Tries
from chatixia.errors import (
    ConfigError,
    DeadlineExceeded,
    MeshError,
    Overloaded,
    UnknownSkill,
    Unreachable,
)
from chatixia.ids import AgentId
from chatixia.wire.registry import AgentRecord

from .directory import Directory
from .door import Door
from .handle import Options, make_reply, nameless
from .progress import OnProgress, listening
from .reply import Reply
from .retry import insist
from .value import encode_args

MOVE_ON = (Unreachable, UnknownSkill, Overloaded)
"""Errors after which another agent may do it: nothing happened at this one."""
ONE_AGENT: Final = "Streams and questions go to one agent: mesh.agent(name)."
REACH_S: Final = 2.0
"""How long one of several is waited for until a link to it opens."""


class _Ask(NamedTuple):
    """What is asked of one after the other."""

    skill: str
    body: bytes
    on_progress: Callable[[float | None, str], None] | None


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
        return [AgentId(one.agent_id) for one in await self._candidates(timeout)]

    async def _candidates(self, timeout: float) -> list[AgentRecord]:
        """Those with an open link, those that may have one, those that never can."""
        listed = await self._directory.having(self.skill, timeout)
        found = [one for one in listed if one.agent_id not in self._door.avoid]
        if not found:
            who = "No other agent" if listed else "No agent"
            raise UnknownSkill(f"{who} in the mesh has the skill {self.skill}.")
        self._turn += 1
        first = self._turn % len(found)
        found = found[first:] + found[:first]
        linked = {link.peer for link in self._door.port.links()}
        if linked and found[0].agent_id not in linked and not found[0].keyless:
            self._door.warm(AgentId(found[0].agent_id))  # its turn comes when its link is open
        return sorted(found, key=lambda one: (one.keyless, one.agent_id not in linked))

    async def call(
        self, skill: str, args: Mapping[str, Any] | None = None, *,
        on_progress: OnProgress | None = None,
    ) -> Reply:  # fmt: skip
        """``skill`` of one of them; another is tried where nothing happened at the first.

        ``on_progress``: see :meth:`AgentHandle.call`.
        """
        ask = _Ask(skill, encode_args(args or {}), listening(on_progress))
        until = self._door.world.monotonic() + self._door.budget(self._options.timeout)
        found = await self._candidates(self._options.timeout)
        if self._options.queue == "never":
            found = [one for one in found if not one.keyless] or found
        last, tries = self._last(found), Tries()
        for place, one in enumerate(found[:last]):
            try:
                return await self._reach(one, ask, until, last - place + 1)
            except MOVE_ON as error:
                tries.failed(error)
                if tries.in_doubt and not self._options.idempotent:
                    raise
            except MeshError as error:
                end = tries.failed(error)
                raise end from end.__cause__
        try:
            return await self._settle(found[last], ask, until)
        except MeshError as error:
            end = tries.failed(error)
            raise end from end.__cause__

    def _last(self, found: list[AgentRecord]) -> int:
        """The place of the one that gets all the time that is left: the first without a key, which
        the queue always takes, else the last."""
        places = [place for place, one in enumerate(found) if one.keyless]
        return places[0] if places else len(found) - 1

    async def _reach(self, one: AgentRecord, ask: _Ask, until: float, share: int) -> Reply:
        """Ask one while others remain: by a link that opens soon, for the queue waits."""
        options, left = self._options, self._left(until)
        queue = "never" if options.queue == "auto" else options.queue
        out = Outgoing(
            AgentId(one.agent_id), ask.skill, ask.body, "task", left, options.idempotent,
            queue=queue, reach=min(REACH_S, left / share), on_progress=ask.on_progress,
        )  # fmt: skip
        return make_reply(await self._door.call(out))

    async def _settle(self, one: AgentRecord, ask: _Ask, until: float) -> Reply:
        """Ask the last one, with all the time that is left."""
        options = self._options
        queue = "only" if one.keyless and options.queue == "auto" else options.queue
        out = Outgoing(
            AgentId(one.agent_id), ask.skill, ask.body, "task", self._left(until),
            options.idempotent, queue=queue, on_progress=ask.on_progress,
        )  # fmt: skip
        return make_reply(await (
            insist(self._door, out) if options.idempotent else self._door.call(out)
        ))  # fmt: skip

    def stream(
        self, skill: str, args: Mapping[str, Any] | None = None, *,
        on_progress: OnProgress | None = None,
    ) -> NoReturn:  # fmt: skip
        """Refused: what has begun at one agent cannot go on at another."""
        raise ConfigError(ONE_AGENT)

    def ask(self, text: str, *, session_id: str = "") -> NoReturn:
        """Refused: nobody has a model or a handler because of a skill."""
        raise ConfigError(ONE_AGENT)

    def _left(self, until: float) -> float:
        left = until - self._door.world.monotonic()
        if left <= 0:
            raise DeadlineExceeded(outcome="definite")
        return left


class AnyCaller:
    """One skill of whoever has it, ready to call."""

    __slots__ = ("_handle", "_skill")

    def __init__(self, handle: AnyHandle, skill: str) -> None:
        self._handle = handle
        self._skill = skill

    async def __call__(self, /, *unnamed: Never, **args: Any) -> Any:
        """The skill's value, or one MeshError before the timeout. Raises TypeError if unnamed."""
        if unnamed:
            raise TypeError(nameless(self._skill))
        return (await self._handle.call(self._skill, args)).value
