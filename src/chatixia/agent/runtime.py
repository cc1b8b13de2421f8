"""The runtime: the handler that a mesh calls for each request to this agent."""

from __future__ import annotations

from asyncio import current_task
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from chatixia.client import references
from chatixia.client.artifact import arrivals
from chatixia.client.call_context import CallContext
from chatixia.core.ports import Incoming, Responder
from chatixia.errors import UnknownSkill
from chatixia.wire.base import EMPTY, NULL
from chatixia.wire.peer import SkillInfo, SkillQuery, SkillReply

from .arguments import refusal
from .bind import BoundSkill, bind
from .context import Ctx
from .failing import failure
from .generator_threads import GeneratorThreads
from .prompts import PromptService
from .served_log import log as served_log
from .served_log import logged
from .skill import Skill, check_size
from .threads import Threads

NAMED: Final = 10
"""How many skills an error names."""

_query = msgspec.json.Decoder(SkillQuery).decode
_encode = msgspec.json.Encoder().encode


def decoded(bound: BoundSkill, incoming: Incoming) -> Any:
    """The arguments, their artifacts in their places. Raises what the decoder raises."""
    with references.reading(arrivals(incoming.artifacts)):
        return bound.decode(incoming.body)


class Runtime:
    """Serves the skills of one agent. ``handle`` is a ``core.ports.Handler``.

    ``context``: of the calls that skills make. ``prompts``: answers free text and keeps messages.
    """

    def __init__(
        self, name: str, context: CallContext, prompts: PromptService, description: str = ""
    ) -> None:
        self._name = name
        self._context = context
        self._prompts = prompts
        self._description = description
        self._threads = Threads()
        self._generators = GeneratorThreads()
        self._bound: dict[str, BoundSkill] = {}
        prompts.bind(self._ctx, self._threads)
        context.affinity.serve(name)

    def offer(self, skills: Iterable[Skill]) -> Sequence[SkillInfo]:
        """Serve exactly these from now on; what others see of them. Raises ConfigError."""
        pools = self._threads, self._generators
        bound_skills = {skill.name: bind(skill, self._ctx, *pools) for skill in skills}
        infos = [bound.info for bound in bound_skills.values()]
        check_size(infos)
        self._bound = bound_skills
        return infos

    def close(self) -> None:
        """Let the threads end."""
        self._context.affinity.unserve(self._name)
        self._threads.close()
        self._generators.close()

    async def handle(self, incoming: Incoming, responder: Responder) -> None:
        """Serve one request: exactly one reply or fail, unless cancelled."""
        if served_log.level:
            responder = logged(incoming, responder, self._context.world.monotonic)
        bound = self._bound.get(incoming.skill) if incoming.kind == "task" else None
        if bound is None:
            await self._other(incoming, responder)
            return
        try:
            args = decoded(bound, incoming) if incoming.artifacts else bound.decode(incoming.body)
        except Exception as error:  # noqa: BLE001 - a model's own validator may raise anything
            # A task of the compatible contract that names no payload carries null.
            if bytes(incoming.body) == bytes(NULL):
                await self.handle(replace(incoming, body=EMPTY), responder)
                return
            responder.fail(refusal(incoming.skill, bound.names, error))
            return
        except BaseException as error:  # noqa: BLE001 - a validator of an extension that panics
            responder.fail(failure(self._name, incoming.skill, error))
            return
        try:
            await bound.run(args, incoming, responder)
        except BaseException as error:  # noqa: BLE001 - see failure()
            responder.fail(failure(self._name, incoming.skill, error))

    async def _other(self, incoming: Incoming, responder: Responder) -> None:
        try:
            if incoming.kind == "prompt" or (incoming.kind == "task" and not incoming.skill):
                await self._prompts.answer(incoming, responder)
            elif incoming.kind == "skills":
                responder.reply(_encode(self._described(_query(incoming.body))))
            elif incoming.kind == "status":
                responder.reply(b"null")
            else:
                responder.fail(self._unknown(incoming.skill))
        except BaseException as error:  # noqa: BLE001 - see failure()
            responder.fail(failure(self._name, incoming.skill or incoming.kind, error))

    def _described(self, query: SkillQuery) -> SkillReply:
        if query.skill:
            one = self._bound.get(query.skill)
            return SkillReply(
                one is not None, one.info.description if one else "", [one.info] if one else []
            )
        every = [bound.info for bound in self._bound.values()]
        return SkillReply(bool(every), self._description, every)

    def _unknown(self, skill: str) -> UnknownSkill:
        names = ", ".join(list(self._bound)[:NAMED])
        has = f"it has: {names}" if names else "it has none"
        return UnknownSkill(f"{self._name} has no skill {skill[:64]}; {has}.", agent=self._name)

    def _ctx(self, incoming: Incoming, responder: Responder, limit: float | None) -> Ctx:
        deadline = incoming.deadline
        if limit is not None:
            own = self._context.world.monotonic() + limit
            deadline = own if deadline is None else min(own, deadline)
        return Ctx(incoming, responder, self._context, deadline, current_task())
