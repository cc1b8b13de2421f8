"""The dispatcher: rights by kind and role, errors kept, defects hidden."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from chatixia.core.ports import Principal
from chatixia.core.shares import holder_of
from chatixia.errors import Denied, Internal, NotFound, Overloaded, Unauthorized, Unavailable
from chatixia.ids import AgentId
from chatixia.registry.call import Listener, RequestContext
from chatixia.registry.meter import Meter
from chatixia.registry.verbs import VerbDispatcher, allow, entry_of
from chatixia.store.control.audit import ACT, AuditEntry
from chatixia.store.control.holdings import ASKER
from chatixia.wire.registry import AgentRef, KeyRef, Nothing
from chatixia.wire.verbs import BY_NAME, TABLE
from tests.registry.clock import Clock

KINDS = ("agent", "client", "machine", "owner", "key", "person")


async def unrecorded(entry: AuditEntry) -> None:
    raise AssertionError(f"{entry.act} is no act")


def call(kind: str, role: str = "") -> RequestContext:
    return RequestContext(Principal(AgentId("x"), kind, role=role), "?", Listener())


@pytest.mark.parametrize("verb", TABLE, ids=lambda verb: verb.name)
def test_exactly_the_named_kinds_may(verb: Any):
    if "open" in verb.callers:
        allow(verb, RequestContext(None, "?", Listener()))
        return
    with pytest.raises(Unauthorized):
        allow(verb, RequestContext(None, "?", Listener()))
    for kind in KINDS:
        if kind in verb.callers:
            allow(verb, call(kind, "admin"))
        else:
            with pytest.raises(Denied):
                allow(verb, call(kind, "admin"))


def test_a_role_that_is_too_low_hears_which_one_may():
    allow(BY_NAME["status"], call("person", "viewer"))
    allow(BY_NAME["login.end"], call("person", "viewer"))
    for verb in (BY_NAME["tasks.cancel"], BY_NAME["tasks.submit"], BY_NAME["agents.remove"]):
        with pytest.raises(Denied, match="The role viewer may not do this; operator may"):
            allow(verb, call("person", "viewer"))
        with pytest.raises(Denied):
            allow(verb, call("person", ""))
        allow(verb, call("person", "operator"))


async def test_verbs_at_once_have_a_share_per_machine():
    go, running = asyncio.Event(), 0

    async def slow(call: RequestContext, request: Any) -> Any:
        nonlocal running
        running += 1
        assert ASKER.get() == holder_of(call.caller)
        await go.wait()
        return Nothing()

    def of(machine: str, name: str) -> RequestContext:
        return RequestContext(Principal(AgentId(name), "agent", machine=machine), "?", Listener())

    verbs = VerbDispatcher({"status": slow}, Meter(), Clock(), unrecorded, 32)
    status = BY_NAME["status"]
    waiting = [
        asyncio.ensure_future(verbs.run(status, of("greedy", f"g{n}"), Nothing()))
        for n in range(24)
    ]
    waiting += [
        asyncio.ensure_future(verbs.run(status, of("honest", "h"), Nothing())) for _ in range(2)
    ]
    await asyncio.sleep(0)
    assert running == 26
    with pytest.raises(Overloaded) as busy:
        await verbs.run(status, of("greedy", "g24"), Nothing())
    assert busy.value.retry_after and ASKER.get() == ""
    go.set()
    await asyncio.gather(*waiting)
    assert await verbs.run(status, of("greedy", "g24"), Nothing()) == b"{}"


async def test_a_defect_is_internal_and_its_text_stays_out_of_the_log(caplog: Any):
    async def broken(call: RequestContext, request: Any) -> Any:
        raise ValueError("the payload of somebody")

    async def missing(call: RequestContext, request: Any) -> Any:
        raise NotFound

    meter = Meter()
    verbs = VerbDispatcher({"status": broken, "config": missing}, meter, Clock(), unrecorded)
    with caplog.at_level(logging.ERROR), pytest.raises(Internal) as raised:
        await verbs.run(BY_NAME["status"], call("agent"), Nothing())
    assert raised.value.outcome == "unknown"
    assert "ValueError" in caplog.text and "payload" not in caplog.text
    with pytest.raises(NotFound):
        await verbs.run(BY_NAME["config"], call("agent"), Nothing())
    with pytest.raises(Unavailable):
        await verbs.run(BY_NAME["topology"], call("agent"), Nothing())
    text = meter.text({}).decode()
    assert 'code="internal",verb="status"' in text and 'code="not_found",verb="config"' in text


async def test_an_act_that_writes_nothing_is_recorded_by_itself_and_a_refused_one_is_not():
    recorded: list[AuditEntry] = []

    async def record(entry: AuditEntry) -> None:
        recorded.append(entry)

    async def idle(call: RequestContext, request: Any) -> Any:
        assert ACT.get() is not None
        return Nothing()

    async def refused(call: RequestContext, request: Any) -> Any:
        raise NotFound

    verbs = VerbDispatcher(
        {"agents.remove": idle, "keys.revoke": refused}, Meter(), Clock(), record
    )
    await verbs.run(BY_NAME["agents.remove"], call("person", "admin"), AgentRef("pi"))
    with pytest.raises(NotFound):
        await verbs.run(BY_NAME["keys.revoke"], call("owner"), KeyRef("1a"))
    assert ACT.get() is None
    assert recorded == [AuditEntry("x", "person", "agents.remove", "pi", "?")]


def test_what_an_agent_does_of_its_own_is_no_act():
    assert entry_of(BY_NAME["agents.remove"], call("agent"), AgentRef("pi")) is None
    assert entry_of(BY_NAME["agents.list"], call("person", "admin"), Nothing()) is None
