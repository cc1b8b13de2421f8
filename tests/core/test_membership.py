"""Every check of a chain at every step, each broken alone, and who is out."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import membership as m
from chatixia.core.record import SIGNS, record_body
from chatixia.errors import (
    BadChain,
    MembershipExpired,
    Revoked,
    WrongMesh,
)
from chatixia.identity import SignKey
from chatixia.wire import signed
from chatixia.wire.signed import b64, unb64
from chatixia.wire.trust import MAX_CHAIN_BYTES, Signed
from tests.core.circle import (
    DAY,
    NOW,
    WITHIN,
    Party,
    agent,
    delegation,
    edited,
    invitation,
    machine,
    owner,
    resigned,
    secret,
    swap,
)
from tests.core.memberships import (
    ANY,
    KINDS,
    NAMES,
    check,
    long_chain,
    revocations,
)


def test_a_chain_of_four_proves_its_leaf():
    parties = long_chain()
    found = check(parties[0].chain)
    assert (found.id, found.kind, found.ns, found.machine) == ("weather", "agent", "default", "pi")
    assert found.sign == parties[0].sign.public
    assert found.seal == parties[0].seal.public
    assert found.signer == parties[1].sign.public
    assert found.owner == parties[3].sign.public
    assert found.chain == tuple(parties[0].chain)
    assert [record.kind for record in found.records] == ["agent", "machine", "invitation", "owner"]


@pytest.mark.parametrize("position", range(4))
def test_each_link_of_a_chain_stands_by_itself(position: int):
    party = long_chain()[position]
    assert check(party.chain).sign == party.sign.public


def test_a_registry_and_a_client_are_members_too():
    registry = Party("registry", "registry", owner())
    assert check(registry.chain).seal == b""
    client = Party("client", "laptop~abc234", machine())
    assert check(client.chain).machine == "laptop"


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("fields", ANY.values(), ids=ANY)
def test_a_record_with_anything_wrong_breaks_the_chain_at_every_step(
    position: int, fields: dict[str, object]
):
    parties = long_chain()
    part = edited(parties[position], **fields)
    with pytest.raises((BadChain, WrongMesh)):
        check(swap(parties[0].chain, position, part))


@pytest.mark.parametrize(
    "field",
    [
        "v",
        "mesh",
        "ns",
        "id",
        "kind",
        "roles",
        "names",
        "sign",
        "seal",
        "serial",
        "issued",
        "not_after",
        "by",
    ],
)
@pytest.mark.parametrize("position", range(4))
def test_a_missing_field_breaks_the_chain(position: int, field: str):
    party = long_chain()[position]
    body = msgspec.to_builtins(party.record)
    del body[field]
    part = resigned(msgspec.json.encode(body), party.signer)
    with pytest.raises(BadChain):
        check(swap(long_chain()[0].chain, position, part))


@pytest.mark.parametrize("position", range(4))
def test_a_signature_of_anybody_else_breaks_the_chain(position: int):
    party = long_chain()[position]
    stranger = SignKey(secret("stranger"))
    part = resigned(unb64(party.leaf.b), stranger)
    with pytest.raises(BadChain):
        check(swap(long_chain()[0].chain, position, part))


@pytest.mark.parametrize("position", range(4))
def test_a_signature_under_another_context_breaks_the_chain(position: int):
    party = long_chain()[position]
    body = unb64(party.leaf.b)
    part = Signed(b64(body), b64(party.signer.sign(signed.REVOKE, body)))
    with pytest.raises(BadChain):
        check(swap(long_chain()[0].chain, position, part))


@pytest.mark.parametrize("position", range(4))
@given(data=st.data())
def test_no_changed_byte_of_any_record_or_signature_holds(position: int, data: st.DataObject):
    chain = long_chain()[0].chain
    part = chain[position]
    raw, field = data.draw(st.sampled_from([(unb64(part.b), "b"), (unb64(part.s), "s")]))
    at = data.draw(st.integers(0, len(raw) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :]
    other = msgspec.structs.replace(part, **{field: b64(changed)})
    with pytest.raises((BadChain, WrongMesh)):
        check(swap(chain, position, other))


@given(st.lists(st.builds(Signed, st.text(max_size=200), st.text(max_size=90)), max_size=6))
def test_junk_is_refused_with_a_coded_error(chain: list[Signed]):
    with pytest.raises((BadChain, WrongMesh)):
        check(chain)


@given(st.binary(max_size=400))
def test_a_rightly_signed_body_of_junk_is_refused(body: bytes):
    with pytest.raises(BadChain):
        check(swap(agent().chain, 0, resigned(body, machine().sign)))


def test_a_deeply_nested_body_is_refused():
    with pytest.raises(BadChain):
        check(swap(agent().chain, 0, resigned(b"[" * 2000, machine().sign)))


@pytest.mark.parametrize("above", KINDS)
@pytest.mark.parametrize("below", KINDS)
def test_only_the_kinds_in_their_order_may_sign(above: str, below: str):
    top = owner()
    signer = top if above == "owner" else Party(above, NAMES.get(above, "laptop"), top)
    if above == "registry":
        signer = delegation(names=["leaf"])
    if above in ("agent", "client"):
        signer = Party(above, NAMES.get(above, "weather"), machine("laptop", top))
    name = "laptop" if below == "machine" and above == "invitation" else NAMES.get(below, "leaf")
    name = "admin~anna" if below == "owner" else name
    party = Party(below, name, signer, **(WITHIN if above == "registry" else {}))
    chain = party.chain
    if below in SIGNS.get(above, ()):
        assert check(chain).id == name
    else:
        with pytest.raises(BadChain):
            check(chain)


def test_a_chain_must_end_at_the_owner_and_have_no_hole():
    parties = long_chain()
    chain = parties[0].chain
    for broken in (chain[:3], chain[:2], chain[:1], [chain[0], *chain[2:]], [], chain[::-1]):
        with pytest.raises(BadChain):
            check(broken)


def test_a_chain_longer_than_seven_is_refused_before_it_is_read():
    chain = long_chain()[0].chain
    with pytest.raises(BadChain, match="1 to 7"):
        check([*chain, *[chain[-1]] * 4])


def test_a_chain_of_more_than_six_kib_is_refused():
    names = [f"{'x' * 50}{n}-*" for n in range(16)]
    parties = long_chain()
    wide = edited(parties[2], names=["*", *names[:15]], roles=[f"{'r' * 60}{n}" for n in range(16)])
    assert sum(len(p.b) + len(p.s) for p in parties[0].chain) < MAX_CHAIN_BYTES
    chain = swap(parties[0].chain, 2, wide)
    roles = [f"{'s' * 60}{n}" for n in range(16)]
    chain = swap(chain, 1, edited(parties[1], names=names, roles=roles))
    with pytest.raises(BadChain, match="bytes"):
        check(chain)


def test_the_longest_honest_chain_fits_into_four_kib():
    top = owner()
    long = "x" * 56
    invited = invitation(
        long,
        top,
        names=["*"],
        roles=["role-one", "role-two"],
        not_after=NOW + 9 * DAY,
        reusable=True,
        ephemeral=True,
    )
    joined = machine(long, invited, ephemeral=True, not_after=NOW + DAY, roles=["role-one"])
    leaf = Party("client", f"{long}~abcdef", joined, ephemeral=True, not_after=NOW + DAY)
    assert check(leaf.chain).id == f"{long}~abcdef"


def test_another_meshs_owner_is_wrong_mesh_and_a_claimed_one_is_a_broken_chain():
    foreign = agent("weather", machine("laptop", owner("foreign")))
    with pytest.raises(WrongMesh):
        check(foreign.chain)
    pretender = owner("foreign")
    pretender.fields["mesh"] = owner().mesh
    with pytest.raises(BadChain, match="owner"):
        check(pretender.chain)


def test_a_namespace_can_be_demanded():
    assert check(agent().chain, ns="default")
    with pytest.raises(BadChain, match="namespace"):
        check(agent().chain, ns="other")


@pytest.mark.parametrize("position", range(3))
def test_a_namespace_may_change_at_no_step(position: int):
    parties = long_chain()
    for party in parties[: position + 1]:
        party.fields["ns"] = "other"
    with pytest.raises(BadChain, match="namespace"):
        check(parties[0].chain)


def test_roles_only_narrow():
    top = owner()
    limited = machine("laptop", top, roles=["a", "b"])
    assert check(agent("weather", limited, roles=["b"]).chain).roles == ("b",)
    for roles in (["c"], ["a", "c"], ["*"]):
        with pytest.raises(BadChain, match="roles"):
            check(agent("weather", limited, roles=roles).chain)


def test_names_only_narrow_and_bind():
    limited = machine("laptop", owner(), names=["web-*", "db"])
    for name in ("web-1", "web-", "db"):
        assert check(agent(name, limited).chain).id == name
    for name in ("web", "db2", "other"):
        with pytest.raises(BadChain, match="name"):
            check(agent(name, limited).chain)


def test_a_machine_cannot_widen_the_names_of_its_invitation():
    invited = invitation("pi", owner(), names=["pi", "cam-*"])
    assert check(machine("pi", invited, names=["cam-2*"]).chain)
    for names in (["*"], ["cam*"], ["pi*"], ["cam-*", "x"]):
        with pytest.raises(BadChain):
            check(machine("pi", invited, names=names).chain)


def test_an_invitation_signs_its_one_machine_and_no_other():
    invited = invitation("pi", owner())
    assert check(machine("pi", invited).chain)
    for name in ("pi2", "laptop", "p"):
        with pytest.raises(BadChain, match="name"):
            check(machine(name, invited).chain)


@pytest.mark.parametrize("serial", [0, 4, 5])
def test_what_an_invitation_signs_stands_above_it(serial: int):
    invited = invitation("pi", owner(), serial=5)
    assert check(machine("pi", invited, serial=6).chain)
    with pytest.raises(BadChain, match="serial"):
        check(machine("pi", invited, serial=serial).chain)


def test_a_reusable_invitation_signs_all_of_its_pattern():
    invited = invitation("worker-*", owner(), reusable=True, names=["worker-*"])
    assert check(machine("worker-7", invited, names=["worker-*"]).chain)
    with pytest.raises(BadChain):
        check(machine("other", invited, names=[]).chain)


def test_a_pattern_needs_a_reusable_invitation():
    with pytest.raises(BadChain, match="id"):
        check(machine("worker-7", invitation("worker-*", owner())).chain)


def test_an_agent_cannot_bear_its_machines_name():
    with pytest.raises(BadChain):
        check(agent("laptop", machine("laptop")).chain)


@pytest.mark.parametrize("names", [["*"], ["web-*", "desk"], []], ids=str)
def test_a_client_is_signed_by_the_machine_whose_name_it_bears_and_by_nobody_else(
    names: list[str],
):
    signer = machine("laptop", owner(), names=names)
    assert check(Party("client", "laptop~abc234", signer).chain)
    for name in ("desk~abc234", "web-1~abc234", "lapto~abc234", "laptop2~abc234"):
        with pytest.raises(BadChain, match="may not sign"):
            check(Party("client", name, signer).chain)


def test_an_end_is_never_later_than_the_signers():
    limited = machine("laptop", owner(), not_after=NOW + DAY)
    assert check(agent("weather", limited, not_after=NOW + DAY).chain)
    for end in (0, NOW + DAY + 1):
        with pytest.raises(BadChain, match="later"):
            check(agent("weather", limited, not_after=end).chain)


def test_ephemeral_is_handed_down():
    limited = machine("laptop", owner(), ephemeral=True)
    with pytest.raises(BadChain, match="ephemeral"):
        check(agent("weather", limited).chain)


def test_each_end_on_the_way_counts_in_mesh_time():
    invited = invitation("pi", owner(), not_after=NOW + 30)
    joined = machine("pi", invited, not_after=NOW + 20)
    leaf = agent("weather", joined, not_after=NOW + 10)
    assert check(leaf.chain, now=NOW + 10).not_after == NOW + 10
    with pytest.raises(MembershipExpired, match="weather"):
        check(leaf.chain, now=NOW + 10.5)
    with pytest.raises(MembershipExpired, match="pi"):
        check(joined.chain, now=NOW + 20.5)


def test_when_an_invitation_had_to_be_redeemed_is_no_matter_of_the_chain():
    invited = invitation("pi", owner(), redeem_by=NOW + 900)
    assert check(machine("pi", invited).chain, now=NOW + 400 * DAY)


def test_bytes_are_taken_as_they_came():
    """Another spelling of the same record, signed as it is spelt, holds; nothing is re-encoded."""
    party = agent()
    spaced = msgspec.json.format(record_body(party.record))
    part = resigned(spaced, party.signer)
    assert check(swap(party.chain, 0, part)).chain[0] == part
    unsigned = Signed(b64(spaced), party.leaf.s)
    with pytest.raises(BadChain):
        check(swap(party.chain, 0, unsigned))


def test_unknown_fields_are_signed_and_ignored():
    party = agent()
    body = msgspec.to_builtins(party.record) | {"later": [1, 2]}
    part = resigned(msgspec.json.encode(body), party.signer)
    assert check(swap(party.chain, 0, part)).id == "weather"


def test_base64_has_one_spelling():
    chain = agent().chain
    padded = msgspec.structs.replace(chain[0], s=chain[0].s + "==")
    with pytest.raises(BadChain):
        check(swap(chain, 0, padded))


def test_a_revoked_agent_is_out_for_good_whatever_its_machine_signs():
    out = revocations(("weather", 3))
    for serial in (1, 3, 4, 99):
        with pytest.raises(Revoked, match="weather"):
            m.check_revoked(agent(serial=serial).member(), out)
    assert not m.revoked(agent("other").member(), out)


def test_a_revoked_machine_takes_all_with_it():
    out = revocations(("pi", 1))
    leaf, joined, invited, _ = long_chain()
    for party in (leaf, joined):
        assert m.revoked(party.member(), out)
    assert not m.revoked(invited.member(), out)
    assert not m.revoked(agent().member(), out)


def test_the_owner_alone_brings_a_machine_back():
    out = revocations(("pi", 5))
    old = invitation("pi", owner(), serial=1)
    assert m.revoked(machine("pi", old, serial=6).member(), out)
    new = invitation("pi", owner(), serial=6, seed="new")
    assert not m.revoked(machine("pi", new, serial=7).member(), out)
    assert not m.revoked(machine("pi", owner(), serial=6).member(), out)
    many = invitation("pi*", owner(), serial=6, reusable=True)
    assert m.revoked(machine("pi", many, serial=7).member(), out)


def test_a_member_is_asked_again_before_each_use():
    leaf = agent(not_after=NOW + 10).member()
    m.check_member(leaf, NOW + 10, {})
    with pytest.raises(MembershipExpired):
        m.check_member(leaf, NOW + 11, {})
    with pytest.raises(Revoked):
        m.check_member(leaf, NOW, revocations(("laptop", 1)))
