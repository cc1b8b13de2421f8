"""The leases of the tasks in hand: renewed while the loop lives, ended in time.

tasks.md section 2. A lease is counted on a clock that runs through sleep, from before it was
asked for. It is renewed by a thread of its own and, where that is late, over the login too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from chatixia.background import BackgroundTasks
from chatixia.errors import MeshError, RegistryUnreachable
from chatixia.ids import AgentId
from chatixia.peer.ports import RegistryPort
from chatixia.peer.timers import TimerHandle, Timers
from chatixia.wire import tasks as t
from chatixia.world import World

from .lease import HeldTask
from .renewal import LeaseRenewer

log = logging.getLogger("chatixia.peer")

TICK: Final = 1.0
"""Seconds between looks at the leases, and signs that the loop lives."""
MAX_BLOCK: Final = 60.0
"""A loop that was not seen for this long counts as dead: its leases are renewed no more."""
UNRENEWED: Final = 1.3
"""After so many turns of the thread without a renewal the loop asks over the login, too."""
GRACE: Final = 0.25
GRACE_ADDRESSED: Final = 2.5
"""Seconds that a skill runs on when its task is given back: as long as it takes until the next
fence comes, which no other agent gets of a task that is addressed to this one."""
MOST_RENEWED: Final = 256


class LeaseSet:
    """The tasks in hand by id, and those whose lease was lost while their skill still ends.

    ``in_hand``: under a lease. ``ending``: stopped, and not yet ended.
    """

    def __init__(
        self,
        me: AgentId,
        registry: RegistryPort,
        world: World,
        timers: Timers,
        background: BackgroundTasks,
    ) -> None:
        self._me, self._registry, self._world, self._timers = me, registry, world, timers
        self._background = background
        self.in_hand: dict[str, HeldTask] = {}
        self.ending: dict[str, HeldTask] = {}
        self._ticker: TimerHandle | None = None
        self._ticked = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._renewer = LeaseRenewer(
            self.renewable,
            lambda: registry.access,
            self._renewed_in_thread,
            world.boottime,
            unconfirmed=self.unconfirmed,
        )

    def pace(self, lease_ms: int) -> None:
        """Renew often enough for leases of so many milliseconds."""
        self._renewer.pace(lease_ms / 1000)

    def add(self, lease: HeldTask) -> None:
        """A task is in hand from now on."""
        self.in_hand[lease.task.id] = lease
        self._tick_soon()

    def remove(self, lease: HeldTask) -> None:
        """Nothing of it runs any more."""
        for leases in (self.in_hand, self.ending):
            if leases.get(lease.task.id) is lease:
                del leases[lease.task.id]
        self.spare(lease)

    @property
    def runs(self) -> list[asyncio.Task[None]]:
        """What is at work now, or reports how it ended."""
        leases = (*self.in_hand.values(), *self.ending.values())
        return [one.run for one in leases if one.run is not None and not one.run.done()]

    def stop(self) -> list[HeldTask]:
        """Lose every lease, and renew none any more; those that were in force until now."""
        self._renewer.stop()
        if self._ticker is not None:
            self._ticker.cancel()
        left = [lease for lease in self.in_hand.values() if not lease.lost]
        for lease in left:
            self.lose(lease)
        return left

    def renewable(self) -> list[t.Held]:
        """Called in the renewing thread: what to renew, while the loop counts as alive."""
        if self._world.boottime() - self._ticked > MAX_BLOCK:
            return []
        return _renewal_request(one for one in list(self.in_hand.values()) if not one.lost)

    def unconfirmed(self) -> list[t.Held]:
        """Called in the renewing thread: what the loop took up and could not say so."""
        if self._world.boottime() - self._ticked > MAX_BLOCK:
            return []
        leases = [one for one in list(self.in_hand.values()) if one.begun and not one.lost]
        return _renewal_request(one for one in leases if not one.confirmed)

    def _renewed_in_thread(self, renewals: Sequence[t.Renewal], sent_at: float) -> None:
        for renewal in renewals:
            lease = self.in_hand.get(renewal.task_id)
            if lease is not None and not renewal.code and lease.renewing_fence == lease.fence:
                lease.confirmed = True
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(self.renewed, renewals, sent_at)

    def renewed(self, renewals: Sequence[t.Renewal], sent_at: float) -> None:
        """What was answered to a renewal that was asked for at ``sent_at``."""
        for renewal in renewals:
            lease = self.in_hand.get(renewal.task_id)
            if lease is None or lease.renewing_fence != lease.fence:
                continue  # the answer is about an earlier fence
            if renewal.code:
                log.warning("the lease of %s is over: %s", lease.task.id, renewal.code)
                self.refused(lease, back=renewal.code == "stale_fence")
            else:
                self._renewer.pace(renewal.lease_ms / 1000)
                lease.until = max(lease.until, sent_at + renewal.lease_ms / 1000)
                lease.renewed = max(lease.renewed, sent_at)

    def refused(self, lease: HeldTask, back: bool, reason: str = "") -> None:
        """The fence is not in force any more. ``back``: the task waits to be given out again."""
        if lease.reporting:
            return  # its report will be answered
        lease.over = not back
        if not back or not lease.begun:
            self.lose(lease, reason)
        elif not lease.lost:
            lease.lost = True
            addressed = lease.task.target_agent_id == self._me
            lease.grace = self._timers.later(
                GRACE_ADDRESSED if addressed else GRACE, lambda: self.lose(lease)
            )

    def spare(self, lease: HeldTask) -> None:
        """It is in force again, or over: no time of grace runs out."""
        if lease.grace is not None:
            lease.grace.cancel()
        lease.grace = None

    def lose(self, lease: HeldTask, reason: str = "") -> None:
        """The task is not ours any more: stop, saying why, and report nothing."""
        lease.lost = True
        self.spare(lease)
        if self.in_hand.get(lease.task.id) is lease:
            del self.in_hand[lease.task.id]
        if lease.run is not None and not lease.run.done():
            if lease.begun:
                self.ending[lease.task.id] = lease
            lease.run.cancel(reason or None)

    def _tick_soon(self) -> None:
        self._ticked = self._world.boottime()
        if self._ticker is None:
            self._loop = asyncio.get_running_loop()
            self._renewer.start()
            self._ticker = self._timers.later(TICK, self._tick)

    def _tick(self) -> None:
        """While something is in hand: the loop lives, no lease is past, renewals come."""
        self._ticker = None
        now = self._ticked = self._world.boottime()
        for lease in list(self.in_hand.values()):
            if min(lease.until, lease.ends) < now and not lease.reporting:
                log.warning("the time of %s is over; its skill is stopped", lease.task.id)
                self.lose(lease)
        in_force = [one for one in self.in_hand.values() if not one.lost]
        patience = UNRENEWED * self._renewer.every
        late = [one for one in in_force if now - one.renewed > patience]
        if late and self._registry.up:
            for lease in late:
                lease.renewed = now
            self._background.spawn(self._renew_here(_renewal_request(late), now))
        if self.in_hand:
            self._ticker = self._timers.later(TICK, self._tick)

    async def _renew_here(self, leases: list[t.Held], sent_at: float) -> None:
        try:
            reply = await self._registry.verb("tasks.renew", t.Renew(leases))
        except RegistryUnreachable:
            return  # the login says so, and is made again
        except MeshError as error:
            log.warning("leases were not renewed: %s", error)
        else:
            self.renewed(reply.leases, sent_at)


def _renewal_request(leases: Iterable[HeldTask]) -> list[t.Held]:
    """What to renew, each lease remembering under which fence it was asked for."""
    chosen = list(islice(leases, MOST_RENEWED))
    for lease in chosen:
        lease.renewing_fence = lease.fence
    return [lease.task_fence() for lease in chosen]
