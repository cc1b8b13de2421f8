"""The dispatcher: rights by kind and role, errors kept, defects hidden."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from chatixia.core.ports import Principal
from chatixia.errors import Denied, Internal, NotFound, Unauthorized, Unavailable
from chatixia.ids import AgentId
from chatixia.registry.call import Call, Listener
from chatixia.registry.meter import Meter
from chatixia.registry.verbs import Verbs, allow
from chatixia.wire.registry import Nothing
from chatixia.wire.verbs import BY_NAME, TABLE
from tests.registry.clock import Clock

KINDS = ("agent", "client", "machine", "owner", "key", "person")


def call(kind: str, role: str = "") -> Call:
    return Call(Principal(AgentId("x"), kind, role=role), "?", Listener())


@pytest.mark.parametrize("verb", TABLE, ids=lambda verb: verb.name)
def test_exactly_the_named_kinds_may(verb: Any):
    if "open" in verb.who:
        allow(verb, Call(None, "?", Listener()))
        return
    with pytest.raises(Unauthorized):
        allow(verb, Call(None, "?", Listener()))
    for kind in KINDS:
        if kind in verb.who:
            allow(verb, call(kind, "admin"))
        else:
            with pytest.raises(Denied):
                allow(verb, call(kind, "admin"))


def test_a_viewer_only_reads():
    allow(BY_NAME["status"], call("person", "viewer"))
    allow(BY_NAME["login.end"], call("person", "viewer"))
    for verb in (BY_NAME["tasks.cancel"], BY_NAME["tasks.submit"], BY_NAME["agents.remove"]):
        with pytest.raises(Denied):
            allow(verb, call("person", "viewer"))
        with pytest.raises(Denied):
            allow(verb, call("person", ""))
        allow(verb, call("person", "operator"))


async def test_a_defect_is_internal_and_its_text_stays_out_of_the_log(caplog: Any):
    async def broken(call: Call, request: Any) -> Any:
        raise ValueError("the payload of somebody")

    async def missing(call: Call, request: Any) -> Any:
        raise NotFound

    meter = Meter()
    verbs = Verbs({"status": broken, "config": missing}, meter, Clock())
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
