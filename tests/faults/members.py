"""Planted faults of membership to its end: what is forgotten, and what is not; as ``faults.py``."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always

MEMBERS = "tests/registry/trust/test_members.py"
STORE = "tests/store/control/test_trust.py"
JOIN = "tests/assembly/membership/test_join.py"


async def _none(*_: Any, **__: Any) -> list[str]:
    return []


def never(original: Any) -> Any:
    """Find no member whose time is over."""
    return _none


def with_revocations(original: Any) -> Any:
    """Forget of an ephemeral member that it was revoked, too."""

    def drop_ended(tx: Any, limit: int) -> Any:
        ended = original(tx, limit)
        tx.db.execute("DELETE FROM standings")
        return ended

    return drop_ended


def for_all(original: Any) -> Any:
    """Read an invitation without how many machines it is for."""

    def invitation_of(columns: Any) -> Any:
        import msgspec

        row = original(columns)
        return None if row is None else msgspec.structs.replace(row, most=0)

    return invitation_of


def bound(original: Any) -> Any:
    """Keep all records of a revoked owner."""

    def digest_in(records: Any, chain: Any, revocations: Any) -> str:
        return original(records, chain, revocations) if len(chain) == 1 else ""

    return digest_in


def keeping_nothing(original: Any) -> Any:
    """Sign the revocation of an owner without what it keeps."""

    def signed(word: Any, sign: Any) -> Any:
        import msgspec

        return original(msgspec.structs.replace(word, retained=[]), sign)

    return signed


def unchecked(original: Any) -> Any:
    """Take an owner's word though that owner is revoked."""

    def check(statement: Any, **more: Any) -> Any:
        return original(statement, **{**more, "revocations": {}})

    return check


OWNERS = "tests/core/test_owners.py"
OWNED = "tests/assembly/membership/test_owners.py"
TYPED = "tests/acceptance/test_owners.py"

FAULTS: list[Fault] = [
    Fault(
        "owner-for-the-last-time",
        "a machine whose owner's key was revoked can have another",
        {"chatixia.assembly.membership.owners:_is_over": always(False)},
        (f"{OWNED}::test_a_machine_whose_owner_was_revoked_asks_by_a_new_key",),
    ),
    Fault(
        "owner-takes-nobody",
        "whom a revoked owner let in is out",
        {
            "chatixia.core.membership:revoked_owner": bound,
            "chatixia.registry.trust.members:revoked_owner": bound,
        },
        (
            f"{OWNERS}::test_a_revoked_owner_is_out_with_all_that_it_signed_but_what_is_kept",
            f"{OWNED}::test_a_second_owner_lets_in_and_is_revoked_by_the_first",
            f"{TYPED}::test_two_owners_one_revoked_by_the_other",
        ),
    ),
    Fault(
        "owner-above-all",
        "an owner is revoked by whoever stands above it, and by itself",
        {"chatixia.core.revocation:may_revoke": always(True)},
        (f"{OWNERS}::test_each_is_revoked_by_who_stands_above_and_by_itself",),
    ),
    Fault(
        "owner-adds-owners",
        "an added owner adds no owner",
        {"chatixia.core.membership:may_add": always(True)},
        (f"{OWNERS}::test_an_added_owner_lets_in_machines_and_no_owner",),
    ),
    Fault(
        "revoked-owner-speaks",
        "the word of a revoked owner counts no more",
        {"chatixia.core.revocation:check_revocation": unchecked},
        (
            f"{OWNERS}::test_the_word_of_another_owner_counts_until_it_is_revoked_itself",
            f"{OWNERS}::test_a_key_that_ended_says_nothing_that_counts_any_more",
        ),
    ),
    Fault(
        "recovered-forgetting",
        "whom a lost key let in stays when it is revoked",
        {"chatixia.assembly.membership.owners:sign_revocation": keeping_nothing},
        (f"{OWNED}::test_a_lost_owner_is_recovered_by_the_code",),
    ),
    Fault(
        "recovered-unrevoked",
        "the lost key signs nobody in once it was revoked by the code",
        {"chatixia.assembly.membership.owners:_end": always(0)},
        (
            f"{OWNED}::test_a_lost_owner_is_recovered_by_the_code",
            f"{TYPED}::test_an_owner_lost_is_recovered_by_the_code",
        ),
    ),
    Fault(
        "restored-with-the-revoked",
        "a restored backup brings nobody back",
        {"chatixia.assembly.membership.confirm:lacking": always([])},
        (
            f"{OWNED}::test_a_restored_backup_brings_nobody_back",
            f"{TYPED}::test_a_restored_backup_of_the_registry_brings_nobody_back",
        ),
    ),
    Fault(
        "ephemeral-stays",
        "nothing is left of an ephemeral member whose record is over",
        {"chatixia.store.control.trust_store:MemberStore.drop_ended": never},
        (
            f"{STORE}::test_of_an_ephemeral_member_nothing_is_left_but_its_revocation",
            f"{MEMBERS}::test_nothing_is_left_of_many_short_clients_and_ephemeral_agents",
        ),
    ),
    Fault(
        "ephemeral-unrevoked",
        "a revocation outlives the record of whom it names",
        {"chatixia.store.control.trust:drop_ended": with_revocations},
        (f"{STORE}::test_of_an_ephemeral_member_nothing_is_left_but_its_revocation",),
    ),
    Fault(
        "pins-stay",
        "pins of clients do not gather for as long as a process lives",
        {"chatixia.core.pins:MemoryBook.prune": always(None)},
        (
            "tests/peer/links/test_membership.py::test_pins_of_who_came_and_went_are_forgotten_within_the_hour",
        ),
    ),
    Fault(
        "invitation-for-all",
        "a reusable invitation lets in as many as its owner said",
        {"chatixia.store.control.trust:invitation_of": for_all},
        (
            f"{STORE}::test_a_reusable_invitation_lets_in_as_many_as_its_owner_said",
            f"{JOIN}::test_an_ephemeral_machine_has_a_week_and_its_agents_a_day",
        ),
    ),
]
