"""Several owners: who stands above whom, chains through them, and what a revocation keeps."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from chatixia.core import membership as m
from chatixia.core import owners, pins
from chatixia.core.confirmation import check_confirmation, sign_confirmation
from chatixia.core.revocation import check_revocation, sign_revocation
from chatixia.errors import BadChain, BadSignature, Revoked
from chatixia.identity import verify
from chatixia.wire.trust import Confirmation, Revocation, Signed
from tests.core.circle import NOW, Party, agent, invitation, machine, owner

MESH = owner().mesh
ROOT = owner().sign.public


def added(name: str, above: Party | None = None, seed: str = "") -> Party:
    return Party("owner", name, above or owner(), seed=seed)


def revocation(
    signer: Party, id_: str, retained: list[str] | None = None, serial: int = 1, version: int = 1
) -> Signed:
    chain = signer.chain if len(signer.chain) > 1 else msgspec.UNSET
    word = Revocation(MESH, "default", id_, serial, NOW, version, chain, retained or [])
    return sign_revocation(word, signer.sign.sign)


def check(statement: Signed, **more: Any) -> Revocation:
    return check_revocation(statement, mesh=MESH, owner=ROOT, verify=verify, **more)


def book(*words: Revocation) -> dict[tuple[str, str], Revocation]:
    return {(word.ns, word.id): word for word in words}


@pytest.mark.parametrize("name", ["admin", "admin.2", "admin.10", "admin~anna", "admin~recovery"])
def test_owners_have_ids_that_nobody_else_has(name: str):
    from chatixia.ids import is_peer_id

    assert owners.is_owner_id(name) and not is_peer_id(name)


@pytest.mark.parametrize("name", ["", "pi", "admin.1", "admin.02", "admin~", "admin~A", "admins"])
def test_what_is_no_owner(name: str):
    assert not owners.is_owner_id(name)


def test_an_added_owner_lets_in_machines_and_no_owner():
    anna = added("admin~anna")
    who = agent("weather", machine("pi", invitation("pi", anna))).member()
    assert [r.kind for r in who.records] == ["agent", "machine", "invitation", "owner", "owner"]
    assert who.owner == ROOT and m.approval(who.records[1:]) == 1
    with pytest.raises(BadChain, match="may not make"):
        added("admin~bob", anna).member()
    with pytest.raises(BadChain):
        added("admin", owner(), seed="another").member()
    with pytest.raises(BadChain):
        added("admin.2", added("admin.3")).member()
    with pytest.raises(BadChain, match="may not sign"):
        added("admin~eve", machine("pi")).member()


def test_the_longest_chain_fits():
    top = added("admin.3", added("admin.2", added("admin~recovery")))
    assert len(agent("weather", machine("pi", invitation("pi", top))).member().chain) == 7


def test_a_revoked_owner_is_out_with_all_that_it_signed_but_what_is_kept():
    anna = added("admin~anna")
    pi, desk = machine("pi", anna), machine("desk", anna)
    word = check(revocation(owner(), "admin~anna", [owners.digest(desk.leaf)]))
    for party in (anna, pi, agent("weather", pi)):
        with pytest.raises(Revoked, match="admin~anna"):
            m.check_revoked(party.member(), book(word))
    for party in (desk, agent("weather", desk), machine("laptop")):
        m.check_revoked(party.member(), book(word))


def test_each_is_revoked_by_who_stands_above_and_by_itself():
    anna, bob, paper = added("admin~anna"), added("admin~bob"), added("admin~recovery")
    for signer, id_ in (
        (owner(), "admin~anna"),
        (paper, "admin"),
        (paper, "admin~anna"),
        (anna, "admin~anna"),
    ):
        assert check(revocation(signer, id_)).id == id_
    for signer, id_ in ((anna, "admin"), (anna, "admin~bob"), (bob, "admin~recovery")):
        with pytest.raises(BadSignature, match="does not stand above"):
            check(revocation(signer, id_))
    with pytest.raises(BadSignature, match="does not stand above"):
        check(revocation(owner(), "admin~recovery"))


def test_the_word_of_another_owner_counts_until_it_is_revoked_itself():
    anna = added("admin~anna")
    assert check(revocation(anna, "pi")).id == "pi"
    word = Confirmation(MESH, "default", 1, NOW, anna.chain)
    said = sign_confirmation(word, anna.sign.sign)
    assert check_confirmation(said, mesh=MESH, owner=ROOT, verify=verify) == word
    out = book(check(revocation(owner(), "admin~anna")))
    with pytest.raises(Revoked):
        check(revocation(anna, "pi"), revocations=out)
    with pytest.raises(Revoked):
        check_confirmation(said, mesh=MESH, owner=ROOT, verify=verify, revocations=out)
    forged = Signed(revocation(anna, "pi").b, revocation(owner(), "pi").s)
    with pytest.raises(BadSignature):
        check(forged)
    stranger = Party("owner", "admin~eve", owner("other"))
    with pytest.raises(BadSignature):
        check(revocation(stranger, "pi"))


@pytest.mark.parametrize("name", ["admin", "admin~anna"])
def test_a_key_that_ended_says_nothing_that_counts_any_more(name: str):
    signer = owner() if name == "admin" else added(name)
    ended = revocation(signer, name, ["kept"])
    out = book(check(ended))
    chain = signer.chain if len(signer.chain) > 1 else msgspec.UNSET
    word = Confirmation(MESH, "default", 9, NOW, chain)
    for late in (revocation(signer, "pi"), revocation(signer, name, ["kept", "eve"], version=9)):
        with pytest.raises(Revoked, match=name):
            check(late, revocations=out)
    with pytest.raises(Revoked, match=name):
        said = sign_confirmation(word, signer.sign.sign)
        check_confirmation(said, mesh=MESH, owner=ROOT, verify=verify, revocations=out)
    assert check(ended, revocations=out).id == name, "the very statement may come again"


def test_of_an_owner_the_word_of_who_stands_above_counts_whatever_the_number():
    paper = added("admin~recovery")
    mine = check(revocation(owner(), "admin", ["x"], serial=9, version=999))
    papers = check(revocation(paper, "admin", serial=1, version=2))
    assert pins.newer(papers, mine) and not pins.newer(mine, papers)


def test_who_follows_the_first_owner():
    assert owners.following(["admin", "admin~anna"]) == "admin.2"
    assert owners.following(["admin", "admin.2", "admin.7"]) == "admin.8"
