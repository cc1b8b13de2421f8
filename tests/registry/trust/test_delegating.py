"""What a registry signs within a delegation: who may ask for it, what ends it, who hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chatixia.assembly.membership import approve, owners, pair
from chatixia.assembly.membership.delegate import DAY, delegate, withdraw
from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.membership.revoke import revoke
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.record import read_record, sign_record
from chatixia.errors import BadChain, Denied, MeshError, Revoked
from chatixia.identity import SignKey
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.audit import AuditQuery
from chatixia.wire.pairing import PairApprove
from chatixia.wire.registry import Nothing
from chatixia.wire.signed import b64, unb64
from chatixia.wire.trust import Delegate, Signed
from tests.registry.browsers import Browser, as_owner, browser_of
from tests.registry.doors import Peer, dial, enrolled, login, register_frame
from tests.registry.trust.test_pairing import Machine, code_of
from tests.until import until


async def do(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    return await asyncio.to_thread(work, *args, **more)


async def let(registry: RegistryHarness, *names: str, days: int = 30) -> Any:
    return await do(delegate, registry.profile, names or ("lab-*",), ("worker",), days)


async def asks(registry: RegistryHarness, name: str = "lab-1") -> tuple[str, str]:
    """A machine that waits: the id of its pairing, and the key that it shows."""
    asked = await Machine(registry, f"192.0.2.{len(name)}").begin(await code_of(registry), name)
    return asked.id, (await do(approve.find, registry.profile, name)).key


async def by(admin: Browser, pairing: str, key: str) -> Any:
    return await admin.call("POST", f"/api/pairings/{pairing}/approve", {"key": key})


async def paired(registry: RegistryHarness, admin: Browser, home: Path, name: str) -> Profile:
    """A machine that a person let in, through `pair` itself."""
    code, address = await code_of(registry), registry.url.partition("://")[2]
    waits = asyncio.create_task(do(pair.pair, address, code, home=home, machine=name))
    await until(lambda: len(registry.running.service.trust.pairing.waiters))
    waiting = (await admin.call("GET", "/api/pairings")).json["pairings"]
    [row] = [one for one in waiting if one["name"] == name]
    assert row["delegated"]
    assert (await by(admin, row["id"], row["key"])).status == 200
    made: Profile = await asyncio.wait_for(waits, 20)
    return made


async def at_work(registry: RegistryHarness, profile: Profile, name: str) -> Peer:
    """An agent of that machine, logged in."""
    return await login(registry, await enrolled(registry, name, profile=profile), slots=1)


async def test_without_a_delegation_a_person_hears_the_command(registry: RegistryHarness):
    admin = await browser_of(registry, "anna", "admin")
    pairing, key = await asks(registry)
    [row] = (await admin.call("GET", "/api/pairings")).json["pairings"]
    assert row["key"] == key and "delegated" not in row
    answer = await by(admin, pairing, key)
    assert (answer.status, answer.code) == (403, "denied")
    assert "`chatixia approve lab-1`" in answer.json["detail"]
    assert (await admin.call("GET", "/api/delegation")).json == {}


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_less_than_an_admin_lets_nobody_in(registry: RegistryHarness, role: str):
    await let(registry)
    pairing, key = await asks(registry)
    answer = await by(await browser_of(registry, "anna", role), pairing, key)
    assert (answer.status, answer.code) == (403, "denied")


async def test_who_compares_nothing_or_sees_another_key_lets_nobody_in(registry: RegistryHarness):
    await let(registry)
    admin = await browser_of(registry, "anna", "admin")
    pairing, key = await asks(registry)
    swapped = ("0" if key[0] != "0" else "1") + key[1:]
    said = [await by(admin, pairing, shown) for shown in ("", key[:4], swapped)]
    assert [answer.code for answer in said] == ["bad_request", "bad_request", "denied"]
    assert "somebody stands between" in said[2].json["detail"]
    assert (await by(admin, pairing, key)).status == 200
    assert (await by(admin, pairing, key)).code == "conflict"


async def test_who_is_let_in_is_a_member_by_the_registry_s_word(
    registry: RegistryHarness, tmp_path: Path
):
    record = await let(registry)
    admin = await browser_of(registry, "anna", "admin")
    lab = await paired(registry, admin, tmp_path / "lab", "lab-1")
    assert lab.registry_until == record.not_after and not registry.profile.registry_until
    await at_work(registry, lab, "lab-worker")
    listed = (await admin.call("GET", "/api/registry/agents/lab-worker")).json
    assert (listed["trust"], listed["machine"]) == ("registry", "lab-1")
    status = (await admin.call("GET", "/api/status")).json
    assert (status["delegated"], status["by_registry"]) == (["lab-*"], 1)
    assert status["delegated_until"] == record.not_after
    with pytest.raises(BadChain, match="may not sign the name"):
        await do(enrol, lab, "worker", "agent")


async def test_names_that_others_have_or_had_are_not_given(
    registry: RegistryHarness, tmp_path: Path
):
    mine = str(registry.profile.machine)
    await let(registry, "lab-*", f"{mine[:-1]}*")
    admin = await browser_of(registry, "anna", "admin")
    pairing, key = await asks(registry, mine)
    assert (await by(admin, pairing, key)).code == "name_taken"
    await paired(registry, admin, tmp_path / "one", "lab-1")
    pairing, key = await asks(registry)
    assert (await by(admin, pairing, key)).code == "name_taken"
    await do(revoke, registry.profile, "lab-1")
    assert (await by(admin, pairing, key)).code == "revoked"
    pairing, key = await asks(registry, "pi")
    assert (await by(admin, pairing, key)).code == "denied"


async def test_only_this_registry_s_own_delegation_is_kept(registry: RegistryHarness):
    made = await let(registry)
    owner, chain = registry.profile.owner_key()

    def signed(key: SignKey = owner, **changes: Any) -> list[Signed]:
        return [sign_record(replace(made, **changes), key.sign), *chain]

    later = {"serial": made.serial + 1}
    for request in (
        chain,
        registry.profile.machine_chain,
        signed(names=[], **later),
        signed(names=["*"], **later),
        signed(not_after=0, **later),
        signed(sign=b64(SignKey.generate().public), **later),
        signed(SignKey.generate(), **later),
        signed(),
    ):
        with pytest.raises(BadChain):
            await as_owner(registry, "registry.delegate", Delegate(request))
    await as_owner(registry, "registry.delegate", Delegate(signed(**later)))

    def as_machine(name: str, request: Any) -> None:
        with RegistryClient.machine(registry.profile) as rest:
            rest.call(name, request)

    for name, request in (
        ("registry.delegate", Delegate(signed(serial=made.serial + 2))),
        ("registry.delegation", Nothing()),
        ("pairings.approve", PairApprove("x", key="0" * 16)),
    ):
        with pytest.raises(Denied):
            await do(as_machine, name, request)


async def test_a_delegation_outlives_the_registry_s_process_and_ends_by_its_date(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    made = await let(registry)
    await registry.stop()
    await registry.start()
    admin = await browser_of(registry, "anna", "admin")
    assert (await admin.call("GET", "/api/delegation")).json["names"] == ["lab-*"]
    pairing, key = await asks(registry)
    service = registry.running.service.trust.delegation
    monkeypatch.setattr(service._store, "now", lambda: made.not_after + 1.0)
    assert "names" not in (await admin.call("GET", "/api/delegation")).json
    assert not service.admits("lab-1")
    monkeypatch.undo()
    assert (await by(admin, pairing, key)).status == 200


async def test_after_a_withdrawal_nothing_is_signed_and_who_came_in_is_out(
    registry: RegistryHarness, tmp_path: Path
):
    await let(registry)
    admin = await browser_of(registry, "anna", "admin")
    lab = await paired(registry, admin, tmp_path / "lab", "lab-1")
    who = await enrolled(registry, "lab-worker", profile=lab)
    member = await login(registry, who, slots=1)
    stays = await at_work(registry, registry.profile, "here")
    late, key = await asks(registry, "lab-2")
    assert await do(withdraw, registry.profile) == 1
    pushed = await member.next("revoked")
    assert read_id(pushed) == "registry"
    await member.closed()
    assert (await stays.next("revoked"))["statement"] == pushed["statement"]
    assert (await stays.verb("status"))["type"] == "result"
    answer = await by(admin, late, key)
    assert (answer.code, "chatixia approve lab-2" in answer.json["detail"]) == (
        "denied",
        True,
    )
    refused = await dial(registry)
    await refused.send(**register_frame(who, refused.challenge))
    assert (await refused.next("error"))["code"] == "revoked"
    assert read_id(await refused.next("revoked")) == "registry"
    with pytest.raises(Revoked):
        await do(as_machine_of, lab)
    status = (await admin.call("GET", "/api/status")).json
    assert "delegated" not in status and "by_registry" not in status
    assert "lab-worker" not in str((await admin.call("GET", "/api/registry/agents")).json)


def as_machine_of(profile: Profile) -> None:
    with RegistryClient.machine(profile) as rest:
        rest.call("session", Nothing())


def read_id(push: dict[str, Any]) -> str:
    import json

    return str(json.loads(unb64(push["statement"]["b"]))["id"])


async def test_what_was_withdrawn_stays_withdrawn_and_a_later_delegation_is_another(
    registry: RegistryHarness, tmp_path: Path
):
    first = await let(registry)
    admin = await browser_of(registry, "anna", "admin")
    lab = await paired(registry, admin, tmp_path / "lab", "lab-1")
    await do(withdraw, registry.profile)
    owner, chain = registry.profile.owner_key()
    old = [sign_record(first, owner.sign), *chain]
    with pytest.raises(Revoked):
        await as_owner(registry, "registry.delegate", Delegate(old))
    second = await let(registry)
    assert second.serial > first.serial
    with pytest.raises(Revoked):
        await do(as_machine_of, lab)
    pairing, key = await asks(registry)
    assert (await by(admin, pairing, key)).code in ("name_taken", "revoked")
    await do(
        approve.approve,
        registry.profile,
        await do(approve.find, registry.profile, "lab-1"),
        replace=True,
    )
    await paired(registry, admin, tmp_path / "two", "lab-2")
    await registry.stop()
    await registry.start()
    with pytest.raises(MeshError):
        await do(as_machine_of, lab)


async def test_an_approval_that_was_under_way_loses_against_the_withdrawal(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    """Judged again where members are written, one at a time."""
    await let(registry)
    admin = await browser_of(registry, "anna", "admin")
    pairing, key = await asks(registry)
    service = registry.running.service.trust.delegation
    admit = service.admit

    async def slow(row: Any) -> Any:
        member = await admit(row)
        await do(withdraw, registry.profile)
        return member

    monkeypatch.setattr(service, "admit", slow)
    assert (await by(admin, pairing, key)).code == "revoked"
    assert registry.running.service.members.sign_key("lab-1") is None


async def test_an_owner_who_rotates_its_key_keeps_what_it_delegated(
    registry: RegistryHarness, tmp_path: Path
):
    await let(registry)
    await do(owners.rotate, registry.profile)
    admin = await browser_of(registry, "anna", "admin")
    await paired(registry, admin, tmp_path / "lab", "lab-1")


async def test_each_step_is_in_the_audit_log(registry: RegistryHarness, tmp_path: Path):
    made = await let(registry)
    admin = await browser_of(registry, "anna", "admin")
    await paired(registry, admin, tmp_path / "lab", "lab-1")
    await do(withdraw, registry.profile)
    page = await registry.running.store.audit.page(AuditQuery(oldest=True))
    lines = [(line.act, line.actor, line.target, line.detail) for line in page.lines]
    end = datetime.fromtimestamp(made.not_after, UTC)
    assert (
        "registry.delegate",
        "admin",
        "registry",
        f"names lab-*; roles worker; until {end:%Y-%m-%d %H:%M:%S}",
    ) in lines
    assert ("pairings.approve", "hub~anna", "lab-1", "signed by the registry") in lines
    assert ("revoke", "admin", "registry", "what was delegated to it") in lines
    noted = await registry.running.store.events.after("", 100)
    told = [(event.id, event.change) for event in noted if event.kind == "delegation"]
    assert told == [("registry", "delegated"), ("registry", "withdrawn")]


async def test_who_was_revoked_is_not_among_those_that_are_in(
    registry: RegistryHarness, tmp_path: Path
):
    await let(registry)
    admin = await browser_of(registry, "anna", "admin")
    for name in ("lab-1", "lab-2"):
        await paired(registry, admin, tmp_path / name, name)
    assert registry.running.service.members.delegated() == 2
    await do(revoke, registry.profile, "lab-1")
    assert registry.running.service.members.delegated() == 1
    assert await do(withdraw, registry.profile) == 1


async def test_the_days_are_those_that_were_asked_for(registry: RegistryHarness):
    made = await let(registry, "lab-1", days=2)
    assert made.not_after - made.issued == 2 * DAY
    [leaf, *_] = (await as_owner(registry, "registry.delegation", Nothing())).chain
    assert read_record(unb64(leaf.b)) == made
