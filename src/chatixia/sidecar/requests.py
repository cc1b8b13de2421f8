"""What the mesh asks of the program: the table of open requests, and those that wait for it.

The table lives as long as the sidecar. So a program may restart while its requests wait, and what
was answered is remembered by the sessions (``core.call``), not by the program.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Protocol

from chatixia.core.ports import Incoming, MeshPort, Responder
from chatixia.core.shares import RETRY_AFTER, fits
from chatixia.core.skill_list import check_skills
from chatixia.errors import (
    MeshError,
    Overloaded,
    PeerRestarted,
    Unavailable,
    UnknownSkill,
)
from chatixia.wire.base import MIB
from chatixia.wire.ipc import ServePayload
from chatixia.wire.peer import SkillInfo
from chatixia.world import World

from .items import ItemFlow

log = logging.getLogger("chatixia.sidecar")

MAX_WAITING: Final = 256
"""Requests that wait for the program."""
WAITING_BYTES: Final = 64 * MIB
AWAY_SECONDS: Final = 30.0
"""How long requests wait for a program that is not there."""
MOST_TRIES: Final = 3
"""How many processes may get one idempotent request."""
NAMED: Final = 10
"""How many skills an error names."""


class RequestTaker(Protocol):
    """A program, as far as requests concern it."""

    @property
    def takes(self) -> bool:
        """Whether it is known how it wants its requests, and it reads."""
        ...

    def give(self, request: OpenRequest) -> None:
        """Hand it one."""
        ...

    def withdraw(self, request: OpenRequest) -> None:
        """Nobody waits for that one any more."""
        ...

    def release(self, request: OpenRequest) -> None:
        """That one was answered."""
        ...


class CancelledWithIt(Protocol):
    """A task, or a call that can be cancelled as a task is."""

    def cancel(self) -> Any:
        """Nobody waits for it any more."""
        ...


class OpenRequest:
    """A request that is not answered yet. ``over``: resolved by its answer; ``program``: who has
    it; ``calls``: what the program calls because of it; ``flow``: its items on their way;
    ``refs``: of the artifacts that it brought."""

    __slots__ = ("calls", "flow", "id", "incoming", "over", "program", "refs", "responder", "tries")

    def __init__(
        self, number: int, incoming: Incoming, responder: Responder, over: asyncio.Future[None]
    ) -> None:
        self.id, self.incoming, self.responder, self.over = number, incoming, responder, over
        self.program: RequestTaker | None = None
        self.calls: set[CancelledWithIt] = set()
        self.flow: ItemFlow | None = None
        self.refs: tuple[str, ...] = ()
        self.tries = 0

    @property
    def holder(self) -> str:
        """Whose share it uses."""
        return self.incoming.holder or self.incoming.caller

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.incoming.body)

    def end(self, error: MeshError | None = None) -> None:
        """It has its answer, or ends with ``error``."""
        if not self.over.done():
            if error is not None:
                self.responder.fail(error)
            self.over.set_result(None)


class RequestTable:
    """A ``core.ports.Handler`` that hands requests to the program of the moment.

    ``served``: what that serves, None for a program that says so to nobody; ``wait``: whether
    requests wait for one that is away.
    """

    def __init__(self, port: MeshPort, world: World) -> None:
        self._port, self._world = port, world
        self._numbers = 0
        self.open: dict[int, OpenRequest] = {}
        self._waiting: dict[int, OpenRequest] = {}
        self._shares: Counter[str] = Counter()
        self._bytes = 0
        self.program: RequestTaker | None = None
        self.served: ServePayload | None = None
        self._skills: dict[str, SkillInfo] = {}
        self.wait = True
        self._is_absent = self._is_leaving = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Requests that wait for the program."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """Their bytes."""
        return self._bytes

    # -- the program

    def begin(self) -> None:
        """Answer requests from now on; the first program is awaited as a restarted one is."""
        self._port.serve(self.handle, [], 1)
        self._await_program()

    def attach(self, program: RequestTaker) -> None:
        """That program is there."""
        self.program = program
        self._is_absent = self._is_leaving = False
        self._stop_timer()

    def serve(self, served: ServePayload) -> None:
        """It serves exactly that, or nothing new as it is leaving. Raises BadRequest."""
        check_skills(served.skills)
        self._is_leaving = served.leaving
        if served.leaving:
            self._port.serve(self.handle, [], 0)
            return
        self.served = served
        self._skills = {skill.name: skill for skill in served.skills}
        self._port.serve(self.handle, served.skills, served.slots)

    def serve_all(self) -> None:
        """It does not say what it serves: it gets whatever comes."""
        self.served, self._skills = None, {}
        self._port.serve(self.handle, [], 1)

    def detach(self, program: RequestTaker) -> None:
        """That program is gone; what it had ends, or waits for the next one."""
        if self.program is program:
            self.program = None
            self._await_program()
        for request in [one for one in self.open.values() if one.program is program]:
            request.program = None
            self._leave_calls(request)
            if self._may_run_again(request) and self._fits(request):
                self._keep(request)
            else:
                request.end(PeerRestarted(agent=self._port.id, outcome="unknown"))

    def _may_run_again(self, request: OpenRequest) -> bool:
        skill = self._skills.get(request.incoming.skill)
        idempotent = skill is not None and skill.idempotent and request.incoming.kind == "task"
        return idempotent and request.flow is None and request.tries < MOST_TRIES and self.wait

    def _await_program(self) -> None:
        self._stop_timer()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(AWAY_SECONDS, self._give_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """The program stays away: nothing waits for it any more, and nothing is offered."""
        self._timer, self._is_absent = None, True
        log.warning("no program came back within %.0f s; its skills are not offered", AWAY_SECONDS)
        self._port.serve(self.handle, [], 1)
        self.end_all(self._waiting.values(), self._absent)

    def _absent(self) -> MeshError:
        return Unavailable(f"The program of {self._port.id} is not there.", agent=self._port.id)

    def stop(self) -> None:
        """End all that is open."""
        self._stop_timer()
        closing = f"{self._port.id} is stopping."
        self.end_all(
            self.open.values(),
            lambda: Unavailable(closing, agent=self._port.id, outcome="unknown"),
        )

    def end_all(self, requests: Iterable[OpenRequest], error: Any) -> None:
        """End each with ``error()``."""
        for request in list(requests):
            request.end(error())

    # -- requests

    @property
    def _taking(self) -> bool:
        """Whether the program can be given requests."""
        return self.program is not None and self.program.takes and not self._is_leaving

    def handle(self, incoming: Incoming, responder: Responder) -> asyncio.Future[None]:
        """Serve one request, until what comes back is resolved or cancelled; raises what it is
        refused with. No task: the program's answer ends it."""
        self._numbers += 1
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = OpenRequest(self._numbers, incoming, responder, over)
        self.open[request.id] = request  # before it is told: so the next one is not alone
        try:
            self._admit(request)
        except MeshError:
            del self.open[request.id]
            raise
        over.add_done_callback(lambda done: self._forget(request))
        return over

    def _admit(self, request: OpenRequest) -> None:
        program = self.program
        if self.served is not None:
            self._check(request.incoming, self.served)
        if self._taking and program is not None and not self._waiting:
            self._give(request, program)
            return
        if self._is_absent:
            raise self._absent()
        if (program is None or self._is_leaving) and not self.wait:
            raise Overloaded(f"{self._port.id} restarts.", agent=self._port.id, retry_after=1.0)
        if not self._fits(request):
            text = f"Too many requests wait for {self._port.id}."
            raise Overloaded(text, agent=self._port.id, retry_after=RETRY_AFTER)
        self._keep(request)

    def _check(self, incoming: Incoming, served: ServePayload) -> None:
        """Raise UnknownSkill for what the program does not serve."""
        me = self._port.id
        if incoming.kind == "prompt" or not incoming.skill:
            if not served.prompt:
                raise UnknownSkill(f"{me} answers no free text.", agent=me)
        elif incoming.skill not in self._skills:
            names = ", ".join(list(self._skills)[:NAMED])
            has = f"it has: {names}" if names else "it has none"
            text = f"{me} has no skill {incoming.skill[:64]}; {has}."
            raise UnknownSkill(text, agent=me)

    def _give(self, request: OpenRequest, program: RequestTaker) -> None:
        request.program = program
        request.tries += 1
        program.give(request)

    def _fits(self, request: OpenRequest) -> bool:
        return (
            fits(MAX_WAITING, len(self._waiting), self._shares[request.holder], 1)
            and self._bytes + request.size <= WAITING_BYTES
        )

    def _keep(self, request: OpenRequest) -> None:
        self._waiting[request.id] = request
        self._shares[request.holder] += 1
        self._bytes += request.size

    def _let_go(self, request: OpenRequest) -> None:
        if self._waiting.pop(request.id, None) is not None:
            self._shares[request.holder] -= 1
            self._bytes -= request.size
            if not self._shares[request.holder]:
                del self._shares[request.holder]

    def resume(self) -> None:
        """The program takes requests (again): those that wait go to it, in their order."""
        program = self.program
        for request in list(self._waiting.values()):
            if program is None or not self._taking:
                return
            self._let_go(request)
            self._give(request, program)

    def _forget(self, request: OpenRequest) -> None:
        self.open.pop(request.id, None)
        self._let_go(request)
        self._leave_calls(request)
        program, request.program = request.program, None
        if request.flow is not None:
            request.flow.stop()
        if program is None:
            return
        if request.over.cancelled():
            program.withdraw(request)
        elif request.refs:
            program.release(request)

    def _leave_calls(self, request: OpenRequest) -> None:
        for task in list(request.calls):
            task.cancel()
