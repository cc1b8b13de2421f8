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


FAULTS: list[Fault] = [
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
