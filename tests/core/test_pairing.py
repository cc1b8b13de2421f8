"""Codes, and what proves who asked and who was approved."""

from __future__ import annotations

from typing import Any

import pytest

from chatixia.core import pairing
from chatixia.errors import BadChain, BadRequest, BadSignature, Unprocessable
from chatixia.identity import verify
from chatixia.wire import signed
from chatixia.wire.pairing import PairBegin, PairWait
from chatixia.wire.signed import b64
from tests.core.circle import (
    NOW,
    Party,
    agent,
    delegated,
    delegation,
    invitation,
    machine,
    owner,
)

REGISTRY, NONCE = b"r" * 32, b"n" * 16


def begin(who: Party, name: str = "pi", /, **more: Any) -> PairBegin:
    """What a machine asks; ``more`` is signed in the place of what it says."""
    about: dict[str, Any] = {"mesh": owner().mesh, "registry": REGISTRY, "name": name}
    data = signed.pair(**{**about, "seal": who.seal.public, "nonce": NONCE, **more})
    sig = b64(who.sign.sign(signed.PAIR, data))
    keys = b64(who.sign.public), b64(who.seal.public)
    return PairBegin("123456", name, *keys, b64(NONCE), sig)


def check(request: PairBegin) -> None:
    pairing.check_begin(request, mesh=owner().mesh, registry=REGISTRY, verify=verify)


def test_a_code_has_six_digits_of_all_that_there_are():
    made = [pairing.code_of(n.to_bytes(8)) for n in (0, 7, 999_999, 1_000_000, 2**64 - 1)]
    assert made == ["000000", "000007", "999999", "000000", "551615"]


def test_a_code_is_read_as_people_write_it():
    assert {pairing.read_code(text) for text in ("012345", " 012 345 ", "012-345")} == {"012345"}
    for text in ("", "12345", "1234567", "12345x", "\u0661" * 6):
        with pytest.raises(BadRequest):
            pairing.read_code(text)


@pytest.mark.parametrize(
    "lie",
    [
        {"mesh": "0" * 64},
        {"registry": b"x" * 32},
        {"name": "other"},
        {"nonce": b"x" * 16},
        {"seal": b"x" * 32},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_who_asks_proves_its_key_at_this_registry_for_this_name(lie: dict[str, Any]):
    who = machine("pi", owner())
    check(begin(who))
    with pytest.raises(BadSignature):
        check(begin(who, **lie))


def test_keys_and_names_that_cannot_be():
    who = machine("pi", owner())
    for name in ("Pi", "hub", "x" * 57, "pi~abcdef"):
        with pytest.raises(Unprocessable):
            check(begin(who, name))
    short = begin(who)
    short.seal = b64(b"short")
    with pytest.raises(BadRequest):
        check(short)


def test_only_who_asked_hears_how_it_stands():
    who, other = machine("pi", owner()), machine("eve", owner())
    data = signed.pairing(mesh=owner().mesh, pairing_id="1" * 16, nonce=NONCE)
    request = PairWait("1" * 16, b64(NONCE), b64(who.sign.sign(signed.PAIR, data)))
    pairing.check_wait(request, who.sign.public, mesh=owner().mesh, verify=verify)
    with pytest.raises(BadSignature):
        pairing.check_wait(request, other.sign.public, mesh=owner().mesh, verify=verify)
    request.id = "2" * 16
    with pytest.raises(BadSignature):
        pairing.check_wait(request, who.sign.public, mesh=owner().mesh, verify=verify)


def approved(party: Party, **more: Any) -> None:
    who = machine("pi", owner())
    asked: dict[str, Any] = {"name": "pi", "sign": who.sign.public, "seal": who.seal.public}
    facts: dict[str, Any] = {"mesh": owner().mesh, "now": NOW, "verify": verify}
    pairing.check_approval(party.chain, **{**facts, **asked, **more})


def test_an_approval_is_the_owners_record_for_the_very_keys_that_asked():
    approved(machine("pi", owner()))
    for lie in ({"name": "eve"}, {"sign": b"x" * 32}, {"seal": b"x" * 32}):
        with pytest.raises(BadChain):
            approved(machine("pi", owner()), **lie)


def test_nobody_but_the_owner_approves():
    with pytest.raises(BadChain):
        approved(machine("pi", invitation("pi", owner())))
    with pytest.raises(BadChain):
        approved(agent("pi2", machine("pi", owner())))


def admitted(who: Party, **more: Any) -> Any:
    keys = {"name": "lab-1", "sign": who.sign.public, "seal": who.seal.public}
    about: dict[str, Any] = {**keys, "mesh": owner().mesh, "now": NOW, "verify": verify, **more}
    return pairing.check_approval(who.chain, **about)


def test_a_registry_approves_only_for_who_met_that_very_registry():
    lab, key = delegated(), delegation().sign.public
    assert admitted(lab, registry=key).trust == "registry"
    for other in (b"", b"x" * 32, owner().sign.public):
        with pytest.raises(BadChain, match="that the owner signed"):
            admitted(lab, registry=other)
    with pytest.raises(BadChain, match="not of the machine"):
        admitted(lab, registry=key, seal=b"x" * 32)
    with pytest.raises(BadChain):
        admitted(machine("lab-1", invitation("lab-1")), registry=key)
