"""What the coming, changing and going of agents, keys and people means for the other parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chatixia.core.ports import Principal
from chatixia.core.task import RemovedParties
from chatixia.errors import Unauthorized
from chatixia.ids import AgentId
from chatixia.wire.registry import AgentRef
from chatixia.wire.signaling import OWNER_ONLY
from chatixia.wire.trust import DEFAULT_NS, Done
from chatixia.wire.verbs import BY_NAME

from .call import Handler, RequestContext
from .live.directory import DirectoryService
from .live.events import Events
from .live.open_sockets import OpenSockets
from .live.roster import works
from .live.socket import Socket
from .trust.members import Members
from .work.compat import CompatTaskVerbs
from .work.ports import WorkerLogin
from .work.service import TaskService


class AgentLifecycle:
    """Tells directory, tasks, sockets and watchers; the verbs that need more than one of them."""

    def __init__(
        self,
        members: Members,
        directory: DirectoryService,
        tasks: TaskService,
        compat: CompatTaskVerbs,
        events: Events,
        sockets: OpenSockets,
    ) -> None:
        self._members, self._directory, self._tasks = members, directory, tasks
        self._compat, self._events, self._sockets = compat, events, sockets

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"heartbeat": self.heartbeat, "agents.remove": self.remove}

    async def heartbeat(self, call: RequestContext, request: Any) -> Any:
        """A polling agent is there; it is given work if it asks for some."""
        skills = self._directory.beat(call, request)
        tasks = await self._compat.grant(call.caller, skills) if request.polls else []
        return BY_NAME["heartbeat"].reply(pending_tasks=tasks)

    async def remove(self, call: RequestContext, ref: AgentRef) -> Done:
        """Take an agent out of the list, and what it held as a polling agent from it."""
        done = await self._directory.remove(call, ref)
        self._poller_ended(ref.agent_id)
        return done

    def changed(self, socket: Socket, change: str) -> None:
        """A listed agent: ``change`` is "joined", "left", "skills" or "slots"."""
        assert socket.principal
        left = change == "left"
        self._directory.left(socket) if left else self._directory.joined(socket.id)
        if not left or socket.leaving:
            self._tasks.online(
                WorkerLogin(
                    AgentId(socket.id),
                    socket.incarnation,
                    socket.slots,
                    _served(socket),
                    socket.principal.ns,
                    socket.epoch,
                )
            )
        if change != "slots":
            self._events.tell("agent", socket.id, change)

    def ended(self, socket: Socket, replaced: bool) -> None:
        """Any login ended; the process of one that was replaced may still be the same."""
        self._tasks.login_ended(AgentId(socket.id), socket.epoch)
        if works(socket) and not replaced:
            self._tasks.offline(AgentId(socket.id), socket.incarnation, socket.clean, socket.silent)

    async def key_ended(self, name: str) -> None:
        """An API key was revoked: its sockets close and its tasks end."""
        self._directory.unlist(name)
        self._poller_ended(name)
        self._sockets.drop(
            Unauthorized("The API key was revoked."), lambda p: (p.kind, p.id) == ("key", name)
        )
        await self._tasks.remove(DEFAULT_NS, self._members.removed_parties([name]))

    def sessions_ended(self, ended: Callable[[Principal], bool]) -> None:
        """Browser sessions are over, or what they may do is another: their sockets close."""
        self._sockets.drop(
            Unauthorized("The login is over."), lambda p: p.kind == "person" and ended(p)
        )

    async def end_removed(self, revoked_keys: list[str]) -> None:
        """End the tasks of removed parties: the registry before may have died in the middle."""
        parties: RemovedParties = self._members.removed_parties(
            [*self._members.revoked_ids(), *revoked_keys]
        )
        if parties.parties:
            await self._tasks.remove(DEFAULT_NS, parties, wait=0)

    def _poller_ended(self, name: str) -> None:
        """What an agent without a login holds goes to another at once, not when its lease ends."""
        self._tasks.offline(AgentId(name), "", clean=True)


def _served(socket: Socket) -> frozenset[str]:
    """Skills for which it is given tasks that name no agent: none where it would refuse them all.
    What names it is given to it, so that its asker hears why."""
    if OWNER_ONLY in socket.capabilities:
        return frozenset()
    return frozenset(skill.name for skill in socket.skills)
