"""The whole suite holds the audit log to its promise: when a registry of this process stops, each
act of a person that it answered is a line there, as often as it was done."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final
from weakref import WeakKeyDictionary

import pytest

from chatixia.errors import MeshError
from chatixia.registry.call import RequestContext
from chatixia.registry.verbs import VerbDispatcher
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.audit import AuditQuery
from chatixia.wire.verb import Verb

Acts = Counter[tuple[str, str]]

done: Final[WeakKeyDictionary[VerbDispatcher, Acts]] = WeakKeyDictionary()
"""Who did what at each registry, beside the log's own way of knowing."""


def watch(patch: pytest.MonkeyPatch) -> None:
    """Note the acts from now on, and ask for their lines at each stop."""
    run, stop = VerbDispatcher.run, RegistryHarness.stop

    async def noting(self: VerbDispatcher, verb: Verb, call: RequestContext, request: Any) -> bytes:
        reply = await run(self, verb, call, request)
        if call.principal is not None and call.principal.kind == "person" and verb.method != "GET":
            done.setdefault(self, Counter())[call.principal.id, verb.name] += 1
        return reply

    async def checking(self: RegistryHarness) -> None:
        unwritten = await missing(self)
        await stop(self)
        assert not unwritten, f"acts without a line: {unwritten}"

    patch.setattr(VerbDispatcher, "run", noting)
    patch.setattr(RegistryHarness, "stop", checking)


async def missing(registry: RegistryHarness) -> Acts:
    """The acts of people that have no line; none where the registry stopped before."""
    try:
        service = registry.running.service
        acts = done.get(service.verbs)
        return acts - await written(registry) if acts else Counter()
    except MeshError:
        return Counter()  # it stopped, or its database was taken away: nothing can be read


async def written(registry: RegistryHarness) -> Acts:
    """The lines of the log, counted."""
    found: Acts = Counter()
    after = 0
    while True:
        page = await registry.running.store.audit.page(AuditQuery(after, oldest=True))
        if not page.lines:
            return found
        found.update((line.actor, line.act) for line in page.lines)
        after = page.lines[-1].n
