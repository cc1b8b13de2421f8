"""Runs a verb: may this principal call it, which handler answers, how long it took.

HTTP and the WebSocket differ only in how they read and write bytes; rights, errors and measures
are here once (tasks.md section 8). Each of them calls :func:`allow` once, before it parses the
body, and then runs the verb.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from chatixia.background import BackgroundTasks
from chatixia.core.shares import VERBS, Shares, holder_of
from chatixia.errors import Denied, Internal, MeshError, Overloaded, Unavailable
from chatixia.store.control.audit import AuditEntry, acting
from chatixia.store.control.holdings import ASKER
from chatixia.wire.base import encode
from chatixia.wire.verb import Verb
from chatixia.world import World

from .call import Handler, Handlers, RequestContext
from .meter import Meter
from .roles import may, reads_content

log = logging.getLogger("chatixia.registry")

FINISH_SECONDS: Final = 5.0
"""How long a registry that stops waits for verbs whose askers are gone."""

Record = Callable[[AuditEntry], Awaitable[None]]


def allow(verb: Verb, call: RequestContext) -> None:
    """Raise Unauthorized without a credential, Denied with one that is too weak."""
    if "open" in verb.callers:
        return
    principal = call.caller
    if principal.kind not in verb.callers:
        raise Denied(f"A credential of kind {principal.kind} may not do this.")
    if principal.kind == "person" and not may(principal, verb.role):
        raise Denied(f"The role {principal.role or 'none'} may not do this; {verb.role} may.")


class VerbDispatcher:
    """The dispatcher: ``run`` gives the reply's JSON bytes or raises a MeshError.

    ``record`` keeps a line of the audit log; ``most``: verbs at once, shared by machines
    (core.shares).
    """

    def __init__(
        self, handlers: Handlers, meter: Meter, world: World, record: Record, most: int = VERBS
    ) -> None:
        self._running, self._record = Shares(most), record
        self._left = BackgroundTasks()
        self.handlers = dict(handlers)
        self._meter = meter
        self._world = world

    def finish(self, task: asyncio.Task[None]) -> None:
        """Let a verb run to its end, whose asker is gone: what follows a write is done as well, or
        the store would know of a change that nothing in memory does."""
        self._left.keep(task)

    async def stop(self) -> None:
        """End what :meth:`finish` was given; what waits for the store is let through."""
        await self._left.stop(FINISH_SECONDS)

    async def run(self, verb: Verb, call: RequestContext, request: Any) -> bytes:
        """Answer one verb that :func:`allow` has let pass.

        Every error is a MeshError; anything else is logged and Internal. Raises Overloaded to a
        holder that has its share of all verbs at once.
        """
        start = self._world.monotonic()
        code = "ok"
        try:
            return await self._shared(verb, call, request)
        except MeshError as error:
            code = error.code
            raise
        except Exception as error:  # noqa: BLE001 - one broken verb must not end a socket
            code = "internal"
            raise _defect(verb, error) from None
        finally:
            self._meter.verb(verb.name, code, self._world.monotonic() - start)

    async def _shared(self, verb: Verb, call: RequestContext, request: Any) -> bytes:
        if call.principal is None:
            return encode(await self._recorded(verb, call, request))
        holder = holder_of(call.principal)
        if not self._running.take(holder):
            raise Overloaded("Too many verbs of this machine at once.", retry_after=1.0)
        mark = ASKER.set(holder)
        try:
            return encode(await self._recorded(verb, call, request))
        finally:
            ASKER.reset(mark)
            self._running.add(holder, -1)

    async def _recorded(self, verb: Verb, call: RequestContext, request: Any) -> Any:
        """The reply, and where the act is audited its line: with the handler's first write, or
        here where it wrote nothing."""
        handler, entry = self._handler(verb), entry_of(verb, call, request)
        if entry is None:
            return await handler(call, request)
        with acting(entry):
            reply = await handler(call, request)
        if not entry.begun:
            await self._record(entry)
        return reply

    def _handler(self, verb: Verb) -> Handler:
        handler = self.handlers.get(verb.name)
        if handler is None:
            raise Unavailable(f"The verb {verb.name} is not served here.")
        return handler


def entry_of(verb: Verb, call: RequestContext, request: Any) -> AuditEntry | None:
    """What the audit log keeps of a call, None for one that is no act."""
    kind = call.principal.kind if call.principal else "open"
    reading = verb.method == "GET" and call.principal is not None
    if kind not in verb.audited or (reading and not reads_content(call.caller)):
        return None
    actor = call.principal.id if call.principal else ""
    target = str(getattr(request, verb.target)) if verb.target else ""
    return AuditEntry(actor, kind, verb.name, target, call.ip or call.address)


def _defect(verb: Verb, error: Exception) -> Internal:
    """Log where it broke, never what was in it: exception text may hold payload."""
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    line = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "?"
    log.error("verb %s broke: %s at %s", verb.name, type(error).__name__, line)
    return Internal(outcome="unknown")  # where it broke nobody knows what was written before
