"""The runtime: the handler that a mesh calls for each request to this agent."""

from __future__ import annotations

from asyncio import current_task
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

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
from .served_log import logged
from .skill import Skill, check_size
from .threads import Threads

NAMED: Final = 10
"""How many skills an error names."""

_query = msgspec.json.Decoder(SkillQuery).decode
_encode = msgspec.json.Encoder().encode


class Runtime:
    """Serves the skills of one agent. ``handle`` is a ``core.ports.Handler``.

    ``door``: what skills' own calls go through. ``desk``: what answers prompts and keeps messages.
    """

    def __init__(
        self, name: str, door: CallContext, desk: PromptService, description: str = ""
    ) -> None:
        self._name = name
        self._door = door
        self._desk = desk
        self._description = description
        self._threads = Threads()
        self._generators = GeneratorThreads()
        self._bound: dict[str, BoundSkill] = {}
        desk.bind(self._ctx, self._threads)

    def offer(self, skills: Iterable[Skill]) -> Sequence[SkillInfo]:
        """Serve exactly these from now on; what others see of them. Raises ConfigError."""
        pools = self._threads, self._generators
        made = {skill.name: bind(skill, self._ctx, *pools) for skill in skills}
        infos = [bound.info for bound in made.values()]
        check_size(infos)
        self._bound = made
        return infos

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()
        self._generators.close()

    async def handle(self, inc: Incoming, responder: Responder) -> None:
        """Serve one request: exactly one reply or fail, unless cancelled."""
        responder = logged(inc, responder, self._door.world.monotonic)
        bound = self._bound.get(inc.skill) if inc.kind == "task" else None
        if bound is None:
            await self._other(inc, responder)
            return
        try:
            args = bound.decode(inc.body)
        except Exception as error:  # noqa: BLE001 - a model's own validator may raise anything
            if bytes(inc.body) == bytes(
                NULL
            ):  # what a described task carries that names no payload
                await self.handle(replace(inc, body=EMPTY), responder)
                return
            responder.fail(refusal(inc.skill, bound.names, error))
            return
        except BaseException as error:  # noqa: BLE001 - a validator of an extension that panics
            responder.fail(failure(self._name, inc.skill, error))
            return
        try:
            await bound.run(args, inc, responder)
        except BaseException as error:  # noqa: BLE001 - see failure()
            responder.fail(failure(self._name, inc.skill, error))

    async def _other(self, inc: Incoming, responder: Responder) -> None:
        try:
            if inc.kind == "prompt" or (inc.kind == "task" and not inc.skill):
                await self._desk.answer(inc, responder)
            elif inc.kind == "skills":
                responder.reply(_encode(self._described(_query(inc.body))))
            elif inc.kind == "status":
                responder.reply(b"null")
            else:
                responder.fail(self._unknown(inc.skill))
        except BaseException as error:  # noqa: BLE001 - see failure()
            responder.fail(failure(self._name, inc.skill or inc.kind, error))

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

    def _ctx(self, inc: Incoming, responder: Responder, limit: float | None) -> Ctx:
        deadline = inc.deadline
        if limit is not None:
            own = self._door.world.monotonic() + limit
            deadline = own if deadline is None else min(own, deadline)
        return Ctx(inc, responder, self._door, deadline, current_task())
