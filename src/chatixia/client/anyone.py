"""A handle on a skill instead of an agent: it calls those that have it and can be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Never, NoReturn

from chatixia.core.ports import ArtifactSource, CallAnswer, Outgoing
from chatixia.core.route import PeerHistory
from chatixia.core.tries import RetryHistory
from chatixia.errors import (
    ConfigError,
    DeadlineExceeded,
    MeshError,
    Overloaded,
    Unavailable,
    UnknownSkill,
    Unreachable,
)
from chatixia.ids import AgentId
from chatixia.wire.registry import AgentRecord
from chatixia.world import request_id

from .call_context import CallContext
from .directory import AgentDirectory
from .handle import CallOptions, nameless
from .progress import OnProgress, listening
from .prompt_files import FileSource
from .reply import Reply, make_reply
from .retry import insist
from .value import pack_args, sources

MOVE_ON = (Unreachable, UnknownSkill, Overloaded, Unavailable)
"""Errors after which another agent may do it: nothing happened at this one, or it is lost or stops.
"""
ROUNDS: Final = 3
"""How often an idempotent call goes through all that have the skill, while agents get lost."""
ONE_AGENT: Final = "Streams and questions go to one agent: mesh.agent(name)."
REACH_S: Final = 2.0
"""How long one of several is waited for until a link to it opens."""


class AnyAsk(NamedTuple):
    """What is asked of one after the other."""

    skill: str
    body: bytes
    on_progress: Callable[[float | None, str], None] | None
    key: str = ""
    artifacts: tuple[ArtifactSource, ...] = ()


def _key(ask: AnyAsk, queue: str) -> str:
    """One key at all that are asked by link; in the queue it stands for one agent's task."""
    return "" if queue == "only" else ask.key


class AnyHandle:
    """The agents that have one skill, without the caller and those that wait for it."""

    def __init__(
        self, context: CallContext, directory: AgentDirectory, skill: str, options: CallOptions
    ) -> None:
        self._context = context
        self._directory = directory
        self._options = options
        self._turn = int(context.world.jitter() * 1024)
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
        candidates = [one for one in listed if one.agent_id not in self._context.avoid]
        if not candidates:
            subject = "No other agent" if listed else "No agent"
            error = UnknownSkill(f"{subject} in the mesh has the skill {self.skill}.")
            error.by_call = True
            raise error
        self._turn += 1
        first = self._turn % len(candidates)
        candidates = candidates[first:] + candidates[:first]
        linked = {link.peer for link in self._context.port.links()}
        if linked and candidates[0].agent_id not in linked and not candidates[0].keyless:
            # Its turn comes when its link is open.
            self._context.warm(AgentId(candidates[0].agent_id))
        return sorted(candidates, key=lambda one: (one.keyless, one.agent_id not in linked))

    async def call(
        self,
        skill: str,
        args: Mapping[str, Any] | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> Reply:
        """``skill`` of one of them; another is tried where nothing happened at the first, and, if
        the call is idempotent, where the first is lost or stops.

        ``on_progress``: see :meth:`AgentHandle.call`.
        """
        body, artifacts = pack_args(args or {})
        ask = AnyAsk(skill, body, listening(on_progress), artifacts=sources(artifacts))
        now = self._context.world.monotonic
        began = now()
        return make_reply(await self._answer(ask), 1000 * (now() - began))

    async def _answer(self, ask: AnyAsk) -> CallAnswer:
        """What came back, not decoded. Private, as every other attribute is a skill."""
        if not ask.key and self._options.idempotent:
            ask = ask._replace(key=request_id(self._context.world))
        until = self._context.world.monotonic() + self._context.budget(self._options.timeout)
        tries = RetryHistory()
        for left in reversed(range(ROUNDS)):
            candidates = await self._listed(tries)
            again = self._options.idempotent and left > 0 and len(candidates) > 1
            answer = await self._round(candidates, ask, until, tries, again)
            if answer is not None:
                return answer
            ask = ask._replace(key="")
        raise AssertionError("the last round returns or raises")

    async def _listed(self, tries: RetryHistory) -> list[AgentRecord]:
        """The agents to ask now, in turn."""
        try:
            candidates = await self._candidates(self._options.timeout)
        except MeshError as error:
            end = tries.failed(error)
            raise end from end.__cause__
        if self._options.queue == "never":
            candidates = [one for one in candidates if not one.keyless] or candidates
        return candidates

    async def _round(
        self,
        candidates: list[AgentRecord],
        ask: AnyAsk,
        until: float,
        tries: RetryHistory,
        again: bool,
    ) -> CallAnswer | None:
        """Ask one after the other. None: the one that took it is lost, and with ``again``
        all are asked once more."""
        last = self._last(candidates)
        for place, one in enumerate(candidates[: last + 1]):
            try:
                if place == last:
                    return await self._settle(one, ask, until, again)
                return await self._reach(one, ask, until, last - place + 1)
            except MeshError as error:
                end = tries.failed(error)
                if place == last and (not again or error.outcome == "definite"):
                    raise end from end.__cause__
                if not self._moves_on(error, tries):
                    raise end from end.__cause__
        return None

    def _moves_on(self, error: MeshError, tries: RetryHistory) -> bool:
        """Whether another one may be asked. A closing mesh of this process has no other."""
        closing = isinstance(error, Unavailable) and not error.retryable
        doubtful = tries.in_doubt and not self._options.idempotent
        return isinstance(error, MOVE_ON) and not (closing or doubtful)

    def _last(self, candidates: list[AgentRecord]) -> int:
        """The place of the one that gets all the time that is left: the first without a key, which
        the queue always takes, else the last."""
        places = [place for place, one in enumerate(candidates) if one.keyless]
        return places[0] if places else len(candidates) - 1

    async def _reach(self, one: AgentRecord, ask: AnyAsk, until: float, share: int) -> CallAnswer:
        """Ask one while others remain: by a link that opens soon, for the queue waits."""
        options, left = self._options, self._left(until)
        queue = "never" if options.queue == "auto" else options.queue
        outgoing = Outgoing(
            AgentId(one.agent_id),
            ask.skill,
            ask.body,
            "task",
            left,
            options.idempotent,
            queue=queue,
            reach=min(REACH_S, left / share),
            on_progress=ask.on_progress,
            key=_key(ask, queue),
            elsewhere=True,
            artifacts=ask.artifacts,
        )
        return await self._context.call(outgoing)

    async def _settle(
        self, one: AgentRecord, ask: AnyAsk, until: float, elsewhere: bool
    ) -> CallAnswer:
        """Ask the last one, with all the time that is left; ``elsewhere``: or until it is lost."""
        options = self._options
        queue = "only" if one.keyless and options.queue == "auto" else options.queue
        outgoing = Outgoing(
            AgentId(one.agent_id),
            ask.skill,
            ask.body,
            "task",
            self._left(until),
            options.idempotent,
            queue=queue,
            on_progress=ask.on_progress,
            key=_key(ask, queue),
            elsewhere=elsewhere,
            artifacts=ask.artifacts,
        )
        insists = options.idempotent and not elsewhere
        answer = await (
            insist(self._context, outgoing) if insists else self._context.call(outgoing)
        )
        if queue != options.queue:
            answer.reason = PeerHistory(keyless=True).reason
        return answer

    def stream(
        self,
        skill: str,
        args: Mapping[str, Any] | None = None,
        *,
        on_progress: OnProgress | None = None,
    ) -> NoReturn:
        """Refused: what has begun at one agent cannot go on at another."""
        raise ConfigError(ONE_AGENT)

    def ask(
        self,
        text: str,
        *,
        session_id: str = "",
        files: Sequence[FileSource] = (),
        returns: Mapping[str, Any] | None = None,
        dry_run: bool = False,
    ) -> NoReturn:
        """Refused: to have a skill does not mean to have a model or a prompt handler."""
        raise ConfigError(ONE_AGENT)

    def _left(self, until: float) -> float:
        left = until - self._context.world.monotonic()
        if left <= 0:
            raise DeadlineExceeded(outcome="definite")
        return left


class AnyCaller:
    """One skill of the agents that have it, ready to call."""

    __slots__ = ("_handle", "_skill")

    def __init__(self, handle: AnyHandle, skill: str) -> None:
        self._handle = handle
        self._skill = skill

    async def __call__(self, /, *unnamed: Never, **args: Any) -> Any:
        """The skill's value, or one MeshError before the timeout. Raises TypeError if unnamed."""
        if unnamed:
            raise TypeError(nameless(self._skill))
        return (await self._handle.call(self._skill, args)).value
