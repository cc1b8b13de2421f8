"""Every act is a line: who, what, whom it concerns, from where; and readers hear of the next."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from typing import Any

import pytest

import chatixia.registry
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.membership.revoke import leave, revoke
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.audit import ACTS
from chatixia.errors import Denied, Overloaded
from chatixia.registry import audit as audit_module
from chatixia.store.control.audit import AuditEntry
from chatixia.store.control.audit_store import AuditStore
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.audit import AuditLine, AuditPage, AuditQuery
from chatixia.wire.registry import KeyCreate, KeyRef, Nothing
from chatixia.wire.verbs import BY_NAME
from tests.registry.doors import person
from tests.until import until


async def owner(registry: RegistryHarness, verb: str, request: Any) -> Any:
    def ask() -> Any:
        with RegistryClient.owner(registry.profile) as rest:
            return rest.call(verb, request)

    return await asyncio.to_thread(ask)


async def lines(registry: RegistryHarness) -> list[AuditLine]:
    page = await registry.running.service.audit.page(person(), AuditQuery(oldest=True))
    return page.lines


async def test_joining_keys_and_revocations_are_lines(registry: RegistryHarness, tmp_path: Path):
    made = await asyncio.to_thread(invite, registry.profile, "pi")
    profile = await asyncio.to_thread(join, made.string, home=tmp_path / "pi")
    key = await owner(registry, "keys.create", KeyCreate("script"))
    await owner(registry, "keys.revoke", KeyRef(key.id))
    await owner(registry, "login.create", Nothing())
    await asyncio.to_thread(leave, profile)
    await asyncio.to_thread(revoke, registry.profile, "pi")
    found = await lines(registry)
    assert [(line.actor, line.kind, line.act, line.target) for line in found] == [
        ("registry", "local", "settings", ""),
        ("admin", "owner", "invite.put", "pi"),
        ("pi", "machine", "join", "pi"),
        ("admin", "owner", "keys.create", "script"),
        ("admin", "owner", "keys.revoke", "script"),
        ("admin", "owner", "login.create", "hub~admin"),
        ("pi", "machine", "leave", "pi"),
        ("admin", "owner", "invite.end", "pi"),
        ("admin", "owner", "revoke", "pi"),
    ]
    assert all(line.origin == "127.0.0.1" for line in found[1:])
    assert key.key not in str(found) and made.string.partition("#")[2] not in str(found)


async def test_what_was_refused_is_no_act(registry: RegistryHarness):
    with pytest.raises(Exception, match="no key"):
        await owner(registry, "keys.revoke", KeyRef("nothing"))
    assert [line.act for line in await lines(registry)] == ["settings"]


async def test_only_owners_and_admins_read_it(registry: RegistryHarness):
    def ask() -> None:
        with RegistryClient.machine(registry.profile) as rest:
            rest.call("audit.list", AuditQuery())

    with pytest.raises(Denied):
        await asyncio.to_thread(ask)
    assert (await owner(registry, "audit.list", AuditQuery())).lines


async def test_a_reader_waits_for_the_next_line_and_not_beyond_its_time(registry: RegistryHarness):
    audit = registry.running.service.audit
    waiting = asyncio.create_task(audit.page(person(), AuditQuery(1, oldest=True, wait_ms=25_000)))
    await until(lambda: len(audit.waiters))
    await audit.record(AuditEntry("hub~anna", "person", "tasks.cancel", "t_1"))
    page = await asyncio.wait_for(waiting, 10)
    assert [line.target for line in page.lines] == ["t_1"]
    assert not (await audit.page(person(), AuditQuery(2, oldest=True, wait_ms=1))).lines


async def test_a_line_that_comes_while_the_log_is_read_is_not_waited_for(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    audit, page_of = registry.running.service.audit, AuditStore.page

    async def reading(store: AuditStore, query: AuditQuery) -> AuditPage:
        page = await page_of(store, query)
        if not page.lines:
            await audit.record(AuditEntry("hub~anna", "person", "tasks.cancel", "t_1"))
        return page

    monkeypatch.setattr(AuditStore, "page", reading)
    query = AuditQuery(1, oldest=True, wait_ms=25_000)
    page = await asyncio.wait_for(audit.page(person(), query), 10)
    assert [line.target for line in page.lines] == ["t_1"]


async def test_readers_that_wait_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(audit_module, "MOST_WAITERS", 0)
    async with RegistryHarness(tmp_path) as registry:
        with pytest.raises(Overloaded):
            await registry.running.service.audit.page(
                person(), AuditQuery(9, oldest=True, wait_ms=1000)
            )


async def test_other_settings_are_an_act_and_the_same_are_none(tmp_path: Path):
    async with RegistryHarness(tmp_path) as registry:
        await registry.stop()
        await registry.start()
        assert len(await lines(registry)) == 1
        await registry.running.service.audit.record_settings({"lease": 60})
        last = (await lines(registry))[-1]
        assert last.act == "settings" and "lease" in last.detail.split()


def test_each_act_that_is_no_verb_is_listed():
    names: set[str] = set()
    for file in Path(chatixia.registry.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "AuditEntry":
                act = node.args[2]
                names |= {str(act.value)} if isinstance(act, ast.Constant) else set()
    assert names and names == set(ACTS)
    assert not names & set(BY_NAME)
