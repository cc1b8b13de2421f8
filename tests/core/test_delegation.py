"""What a registry may sign where an owner delegated that, judged as every peer judges it."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import membership as m
from chatixia.core import owners, pins
from chatixia.core.delegation import check_delegation, delegated_record, may_admit, withdrawn
from chatixia.core.membership import trust_of
from chatixia.core.record import key_id, read_record, record_body
from chatixia.errors import BadChain, Denied, MembershipExpired, NameTaken, Revoked
from chatixia.identity import SignKey, verify
from chatixia.wire import signed
from tests.core.circle import (
    DAY,
    NOW,
    Party,
    agent,
    delegated,
    delegation,
    machine,
    owner,
    secret,
)
from tests.core.memberships import NAMES, check, revocations
from tests.core.test_owners import added, book, revocation
from tests.core.test_owners import check as checked

STEMS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=6)
PATTERNS = st.lists(st.builds(lambda stem, star: stem + star, STEMS, st.sampled_from(["", "*"])))


def within(**more: Any) -> dict[str, Any]:
    return {"roles": [], "names": [], "not_after": NOW + DAY, **more}


def test_a_machine_that_the_registry_signed_is_a_member_and_says_so():
    lab = delegated()
    for party, name in ((lab, "lab-1"), (agent("lab-1-w", lab, not_after=NOW + DAY), "lab-1-w")):
        found = check(party.chain)
        assert (found.id, found.machine, found.trust) == (name, "lab-1", "registry")
        assert found.owner == owner().sign.public
    assert check(machine().chain).trust == check(agent().chain).trust == "owner"
    assert check(delegation().chain).trust == "owner"


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "pi"},
        {"name": "lab"},
        {"name": "xlab-1"},
        {"roles": ["worker", "admin"]},
        {"roles": ["*"]},
        {"names": ["*"]},
        {"names": ["lab-*", "pi"]},
        {"not_after": 0},
        {"not_after": NOW + 30 * DAY + 1},
        {"ns": "other"},
    ],
    ids=str,
)
def test_what_it_signs_outside_of_its_bounds_is_refused(fields: dict[str, Any]):
    name = fields.pop("name", "lab-1")
    with pytest.raises(BadChain):
        check(delegated(name, **fields).chain)


@pytest.mark.parametrize("kind", ["owner", "invitation", "registry", "agent", "client"])
def test_it_signs_machines_and_nobody_else(kind: Any):
    """No owner and no person, no further registry, no invitation, and no agent by itself."""
    name = {**NAMES, "client": "lab-1~abc234", "owner": "admin~lab"}.get(kind, "lab-1")
    with pytest.raises(BadChain, match="may not sign"):
        check(Party(kind, name, delegation(), **within()).chain)
    with pytest.raises(BadChain):
        check(machine("hub~anna", delegation(names=["h*"]), **within()).chain)


@pytest.mark.parametrize(
    "fields", [{"not_after": 0}, {"names": ["*"]}, {"names": ["lab-*", "*"]}, {"roles": ["*"]}]
)
def test_a_delegation_without_a_bound_is_none(fields: dict[str, Any]):
    for party in (delegation(**fields), delegated(by=delegation(**fields))):
        with pytest.raises(BadChain, match="lets a registry sign"):
            check(party.chain)


def test_a_registry_without_names_signs_nobody_and_needs_no_end():
    plain = Party("registry", "registry", owner())
    assert (
        check(plain.chain).not_after == 0 and read_record(record_body(plain.record)) == plain.record
    )
    with pytest.raises(BadChain):
        check(machine("lab-1", plain, roles=[], names=[]).chain)


def test_only_the_key_that_the_owner_named_signs_and_only_an_owner_delegates():
    forged = delegated()
    forged.signer = SignKey(secret("another registry"))
    with pytest.raises(BadChain, match="not signed by"):
        check(forged.chain)
    by_a_machine = Party("registry", "registry", machine(), **within(names=["lab-*"]))
    with pytest.raises(BadChain, match="may not sign a registry"):
        check(by_a_machine.chain)
    again = Party("registry", "registry", delegation(), **within(names=["lab-*"]))
    with pytest.raises(BadChain, match="may not sign a registry"):
        check(machine("lab-1", again, **within()).chain)


def test_all_end_with_the_delegation():
    chain = agent("lab-1-w", delegated(), not_after=NOW + 30 * DAY).chain
    check(chain, now=NOW + 30 * DAY)
    with pytest.raises(MembershipExpired):
        check(chain, now=NOW + 30 * DAY + 1)


@given(data=st.data(), names=PATTERNS.filter(bool))
def test_whatever_it_signs_lies_within_what_was_delegated(data: st.DataObject, names: list[str]):
    """A chain through a registry holds only for an id, and patterns, that the owner named."""
    near = st.builds(lambda one, tail: one.rstrip("*") + tail, st.sampled_from(names), STEMS)
    name = data.draw(near | st.sampled_from(names).map(lambda one: one.rstrip("*")) | STEMS)
    signed = data.draw(PATTERNS | st.lists(st.sampled_from(names)))
    lab = machine(name, delegation(names=names[:16]), **within(names=signed[:16]))
    try:
        found = check(lab.chain)
    except BadChain:
        return
    heads = [each[:-1] for each in names if each.endswith("*")]
    assert found.trust == "registry"
    for each in (found.id, *found.record.names):
        assert each in names or any(each.startswith(head) for head in heads)


@given(offset=st.integers(-3, 3), end=st.integers(-2, 2))
def test_whatever_it_signs_is_over_with_it(offset: int, end: int):
    lab = delegated(by=delegation(not_after=NOW + 5), not_after=NOW + 5 + end)
    try:
        check(lab.chain, now=NOW + 5 + offset)
    except (BadChain, MembershipExpired):
        return
    assert offset <= 0 and end <= 0


def test_a_withdrawal_ends_all_that_came_in_that_way_and_nothing_else():
    lab = delegated()
    ended = revocations(("registry", NOW))
    for party in (lab, agent("lab-1-w", lab, not_after=NOW + DAY)):
        with pytest.raises(Revoked, match=f"what let {party.fields['id']} in") as refused:
            m.check_revoked(party.member(), ended)
        assert refused.value.agent == "registry"
        assert withdrawn(party.member().records, ended)
    for other in (machine(), agent(), Party("registry", "registry", owner(), serial=1)):
        assert not withdrawn(other.member().records, ended)
    m.check_revoked(machine().member(), ended)


def test_a_later_delegation_stands_above_a_withdrawal_and_brings_nobody_back():
    ended = revocations(("registry", NOW))
    old, new = delegated(), delegated("lab-2", delegation(serial=NOW + 1))
    m.check_revoked(new.member(), ended)
    with pytest.raises(Revoked):
        m.check_revoked(old.member(), ended)


def test_who_is_revoked_by_name_is_not_brought_back_by_the_registry():
    lab = delegated(serial=9)
    with pytest.raises(Revoked):
        m.check_revoked(lab.member(), revocations(("lab-1", 1)))


def test_with_an_owner_goes_what_it_delegated_unless_that_is_kept():
    anna = added("admin~anna")
    lab = delegated(by=delegation(anna))
    word = checked(revocation(owner(), "admin~anna"))
    with pytest.raises(Revoked, match="admin~anna"):
        m.check_revoked(lab.member(), book(word))
    kept = checked(revocation(owner(), "admin~anna", [owners.digest(delegation(anna).leaf)]))
    m.check_revoked(lab.member(), book(kept))


def test_pins_bind_the_registry_too():
    """It renews what it signed, gives no name to another key, and takes none from anybody."""
    known = pins.MemoryBook()
    pins.accept(delegated(serial=1).member(), known)
    pins.accept(delegated(serial=2).member(), known)
    later = delegation(serial=NOW + 1, not_after=NOW + 60 * DAY)
    pins.accept(delegated(by=later, serial=3, not_after=NOW + 60 * DAY).member(), known)
    pins.judge(delegated("lab-2").member(), known)  # by the earlier one
    with pytest.raises(NameTaken):
        pins.judge(delegated(serial=4, seed="another").member(), known)
    pins.accept(machine("lab-9").member(), known)
    with pytest.raises(NameTaken):
        pins.judge(delegated("lab-9", serial=9, seed="another").member(), known)
    pins.accept(machine("lab-1", serial=9, seed="another").member(), known)
    with pytest.raises(NameTaken):
        pins.judge(delegated(serial=10).member(), known)


def test_all_machines_of_one_registry_have_one_share():
    one, two = (delegated(name).member() for name in ("lab-1", "lab-2"))
    assert one.invitation == two.invitation == key_id(delegation().sign.public)


def test_who_let_somebody_in_is_read_from_above_it():
    lab = delegated()
    assert trust_of(lab.member().records) == "registry"
    assert trust_of(lab.member().records[1:]) == "owner"


def delegating(party: Party, revoked: Any = None, now: float = NOW) -> Any:
    return check_delegation(
        party.chain,
        registry=delegation().sign.public,
        mesh=owner().mesh,
        now=now,
        verify=verify,
        revocations=revoked or {},
    )


def test_a_delegation_is_to_this_very_registry_and_in_force():
    assert delegating(delegation()).record.names == ["lab-*"]
    for other in (
        Party("registry", "registry", owner()),
        delegation(seed="another"),
        delegated(),
        owner(),
    ):
        with pytest.raises(BadChain, match="this very registry"):
            delegating(other)
    with pytest.raises(Revoked):
        delegating(delegation(), revocations(("registry", NOW)))
    delegating(delegation(serial=NOW + 1), revocations(("registry", NOW)))


def test_the_registry_signs_all_that_was_delegated_and_no_more():
    record = delegation().record

    def made(name: str, now: float = NOW) -> Any:
        keys = {"sign": b"s" * 32, "seal": b"e" * 32}
        return delegated_record(record, name=name, serial=4, now=now, **keys)

    one = made("lab-1")
    assert (one.kind, one.names, one.roles) == ("machine", ["lab-*"], ["worker"])
    assert (one.serial, one.not_after, one.by) == (
        5,
        record.not_after,
        key_id(signed.unb64(record.sign)),
    )
    for name, now in (("pi", NOW), ("lab-1", NOW + 30 * DAY)):
        assert not may_admit(record, name, now)
        with pytest.raises(Denied, match=f"`chatixia approve {name}`") as refused:
            made(name, now)
        assert refused.value.agent == name
