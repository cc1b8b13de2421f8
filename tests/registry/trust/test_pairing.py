"""Pairing at a real registry: who may ask, who decides, what each end hears."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.membership import approve, pair
from chatixia.assembly.membership.approve import create_code
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.pairing import MOST_CODES, MOST_WRONG
from chatixia.core.record import sign_record
from chatixia.errors import (
    BadChain,
    BadInvitation,
    Conflict,
    Denied,
    NameTaken,
    NotFound,
    Overloaded,
)
from chatixia.identity import SealKey, SignKey
from chatixia.registry.call import Listener, RequestContext
from chatixia.testing.registry import RegistryHarness
from chatixia.wire import signed
from chatixia.wire.audit import AuditQuery
from chatixia.wire.pairing import PairApprove, PairBegin
from chatixia.wire.signed import b64, unb64
from tests.registry.doors import http_call
from tests.until import until

WRONG = "000000"


class Machine:
    """One that asks, by hand."""

    def __init__(self, registry: RegistryHarness, address: str) -> None:
        self.registry, self.address = registry, address
        self.sign, self.seal = SignKey.generate(), SealKey.generate()

    async def begin(self, code: str, name: str = "pi") -> Any:
        service = self.registry.running.service
        profile = self.registry.profile
        nonce = service.trust.gate._nonces.give()
        data = signed.pair(
            mesh=profile.mesh,
            registry=profile.registry_key,
            name=name,
            seal=self.seal.public,
            nonce=unb64(nonce),
        )
        sig = b64(self.sign.sign(signed.PAIR, data))
        keys = b64(self.sign.public), b64(self.seal.public)
        call = RequestContext(None, self.address, Listener(), ip=self.address)
        return await service.trust.pairing.begin(call, PairBegin(code, name, *keys, nonce, sig))


async def code_of(registry: RegistryHarness) -> str:
    code = (await asyncio.to_thread(create_code, registry.profile)).code
    return code if code != WRONG else await code_of(registry)


def ask(registry: RegistryHarness, code: str, home: Path) -> Profile:
    return pair.pair(registry.url.partition("://")[2], code, home=home, machine="pi")


async def rest_codes(registry: RegistryHarness) -> None:
    """Guess from many addresses until codes rest."""
    for n in range(MOST_WRONG):
        with pytest.raises(BadInvitation):
            await Machine(registry, f"192.0.2.{n}").begin(WRONG)


async def test_twenty_wrong_codes_from_many_addresses_stop_codes_and_not_join_strings(
    registry: RegistryHarness, tmp_path: Path
):
    code = await code_of(registry)
    invited = await asyncio.to_thread(invite, registry.profile, "laptop")
    await rest_codes(registry)
    with pytest.raises(Overloaded, match="join strings work") as refused:
        await Machine(registry, "198.51.100.1").begin(code)
    assert 0 < refused.value.retry_after <= 300
    resting = (await asyncio.to_thread(approve.pending, registry.profile)).resting
    assert 0 < resting <= 300
    joined = await asyncio.to_thread(join, invited.string, home=tmp_path / "laptop")
    assert joined.machine == "laptop"
    noted = await registry.running.store.events.after("", 100)
    assert ("code", "resting") in [(event.kind, event.change) for event in noted]


async def test_no_address_spends_the_whole_budget(registry: RegistryHarness):
    for _ in range(5):
        with pytest.raises(BadInvitation):
            await Machine(registry, "192.0.2.1").begin(WRONG)
    for _ in range(MOST_WRONG):
        with pytest.raises(Overloaded):
            await Machine(registry, "192.0.2.1").begin(WRONG)
    assert (await Machine(registry, "192.0.2.2").begin(await code_of(registry))).name == "pi"


async def test_many_guesses_at_once_are_no_way_around_the_share_of_an_address(
    registry: RegistryHarness,
):
    code = await code_of(registry)
    guesses = [Machine(registry, "192.0.2.1").begin(WRONG) for _ in range(MOST_WRONG)]
    said = await asyncio.gather(*guesses, return_exceptions=True)
    assert [type(error) for error in said].count(BadInvitation) == 5
    assert (await Machine(registry, "192.0.2.2").begin(code)).name == "pi"


async def test_what_is_no_wrong_code_costs_no_guess(registry: RegistryHarness):
    machine = Machine(registry, "192.0.2.1")
    code = await code_of(registry)
    for _ in range(MOST_WRONG):
        assert (await machine.begin(code)).name == "pi"
    other = await code_of(registry)
    for _ in range(MOST_WRONG):
        with pytest.raises(NameTaken):
            await Machine(registry, "192.0.2.1").begin(other)
    with pytest.raises(BadInvitation):
        await Machine(registry, "192.0.2.1").begin(WRONG)


async def test_a_code_is_not_in_the_database(registry: RegistryHarness):
    code = await code_of(registry)
    [folder] = [path.parent for path in registry.home.glob("**/registry.db")]
    kept = b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())
    assert code.encode() not in kept


async def test_codes_have_a_bound(registry: RegistryHarness):
    for _ in range(MOST_CODES):
        await asyncio.to_thread(create_code, registry.profile)
    with pytest.raises(Overloaded, match="wait to be used"):
        await asyncio.to_thread(create_code, registry.profile)


async def test_no_record_of_another_machine_approves(registry: RegistryHarness):
    """Not even one that the owner signed: a registry that swaps keys cannot make use of it."""
    asked = await Machine(registry, "192.0.2.1").begin(await code_of(registry))
    found = await asyncio.to_thread(approve.find, registry.profile, "pi")
    owner, chain = registry.profile.owner_key()

    def say(**changes: Any) -> None:
        from msgspec.structs import replace

        from chatixia.core.record import key_id, read_record

        info = found.info
        template = read_record(unb64(registry.profile.machine_chain[0].b))
        record = replace(
            template,
            id="pi",
            sign=info.sign,
            seal=info.seal,
            serial=1,
            by=key_id(owner.public),
        )
        leaf = sign_record(replace(record, **changes), owner.sign)
        with RegistryClient.owner(registry.profile) as rest:
            rest.call("pairings.approve", PairApprove(asked.id, [leaf, *chain]))

    other = b64(SignKey.generate().public)
    for changes in ({"sign": other}, {"seal": other}, {"id": "eve"}):
        with pytest.raises(BadChain):
            await asyncio.to_thread(say, **changes)
    await asyncio.to_thread(say)
    with pytest.raises(Conflict, match="approved"):
        await asyncio.to_thread(say)


async def test_whoever_decides_late_or_about_nobody_is_told(registry: RegistryHarness):
    with pytest.raises(NotFound, match="chatixia pending"):
        await asyncio.to_thread(approve.reject, registry.profile, "pi")
    await Machine(registry, "192.0.2.1").begin(await code_of(registry))
    await asyncio.to_thread(approve.reject, registry.profile, "pi")
    with pytest.raises(NotFound):
        await asyncio.to_thread(approve.find, registry.profile, "pi")


async def test_a_stranger_hears_nothing_and_a_stale_nonce_does_nothing(registry: RegistryHarness):
    asked = await Machine(registry, "192.0.2.1").begin(await code_of(registry))
    body = {"nonce": "A" * 22, "sig": "A" * 86}
    answer = await http_call(registry, "POST", f"/api/pairings/{asked.id}/wait", body)
    assert (answer.status, answer.code) == (400, "bad_request")
    body["nonce"] = registry.running.service.trust.gate._nonces.give()
    answer = await http_call(registry, "POST", f"/api/pairings/{asked.id}/wait", body)
    assert answer.code == "bad_signature"
    answer = await http_call(registry, "GET", "/api/pairings")
    assert answer.status == 401
    for verb in ("approve", "reject"):
        answer = await http_call(registry, "POST", f"/api/pairings/{asked.id}/{verb}", {})
        assert answer.status == 401


async def test_a_registry_that_stops_answers_those_who_wait(
    registry: RegistryHarness, tmp_path: Path
):
    """And the machine goes on when it is back."""
    code = await code_of(registry)
    address = registry.url.partition("://")[2]
    home = tmp_path / "pi"
    waits = asyncio.create_task(
        asyncio.to_thread(pair.pair, address, code, home=home, machine="pi")
    )
    await until(lambda: len(registry.running.service.trust.pairing.waiters))
    await registry.stop()
    await registry.start()
    found = await asyncio.to_thread(approve.find, registry.profile, "pi")
    await asyncio.to_thread(approve.approve, registry.profile, found)
    assert (await asyncio.wait_for(waits, 30)).machine == "pi"
    assert Profile.open(home=home).mesh == registry.profile.mesh


async def test_who_is_rejected_hears_it_at_once(
    registry: RegistryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """By the first question, not by asking again."""
    waiters, asked = registry.running.service.trust.pairing.waiters, list[str]()
    read = waiters.read

    async def read_for_long(key: str, seconds: float, *rest: Any) -> Any:
        asked.append(key)
        return await read(key, 600.0, *rest)

    monkeypatch.setattr(waiters, "read", read_for_long)
    monkeypatch.setattr(pair, "TIMEOUT", 30.0)
    code = await code_of(registry)
    address = registry.url.partition("://")[2]
    home = tmp_path / "pi"
    waits = asyncio.create_task(
        asyncio.to_thread(pair.pair, address, code, home=home, machine="pi")
    )
    await until(lambda: len(registry.running.service.trust.pairing.waiters))
    await asyncio.to_thread(approve.reject, registry.profile, "pi")
    with pytest.raises(Denied, match="rejected pi"):
        await asyncio.wait_for(waits, 60)
    assert len(asked) == 1


async def test_each_step_is_in_the_audit_log(registry: RegistryHarness, tmp_path: Path):
    code, home = await code_of(registry), tmp_path / "pi"
    address = registry.url.partition("://")[2]
    wrong = WRONG if code != WRONG else "111111"
    with pytest.raises(BadInvitation):
        await asyncio.to_thread(pair.pair, address, wrong, home=tmp_path / "other", machine="eve")
    waits = asyncio.create_task(asyncio.to_thread(ask, registry, code, home))
    await until(lambda: len(registry.running.service.trust.pairing.waiters))
    found = await asyncio.to_thread(approve.find, registry.profile, "pi")
    await asyncio.to_thread(approve.approve, registry.profile, found)
    await asyncio.wait_for(waits, 20)
    page = await registry.running.store.audit.page(AuditQuery(oldest=True))
    assert [(line.act, line.kind, line.target, line.detail) for line in page.lines][-4:] == [
        ("codes.create", "owner", "", ""),
        ("pairings.begin", "open", "eve", "wrong code"),
        ("pairings.begin", "open", "pi", ""),
        ("pairings.approve", "owner", "pi", ""),
    ]
    assert code not in str(page)
