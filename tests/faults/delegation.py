"""Planted faults of what a registry may sign by delegation; as ``faults.py``."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always

CORE = "tests/core/test_delegation.py"
REGISTRY = "tests/registry/trust/test_delegating.py"
LYING = "tests/assembly/membership/test_delegate.py"
ACC = "tests/acceptance/test_delegated.py::test_from_a_delegation_to_its_withdrawal"


def any_name(original: Any) -> Any:
    """Let a registry sign whatever name."""
    return lambda signer, name: signer.kind == "registry" or original(signer, name)


def not_withdrawn(original: Any) -> Any:
    """Take no notice of a withdrawal."""

    def check(member: Any, revocations: Any) -> None:
        original(member, {key: one for key, one in revocations.items() if key[1] != "registry"})

    return check


def answering(original: Any) -> Any:
    """Answer what the queue brought."""

    async def answer(incoming: Any, responder: Any) -> None:
        responder.reply(b'"hi"')

    return answer


def dealt(original: Any) -> Any:
    """Give whoever takes nothing of the queue what any agent may do."""
    return lambda socket: frozenset(skill.name for skill in socket.skills)


def untold(original: Any) -> Any:
    """Let a link tell nothing of who vouches for its far end."""

    def attach(self: Any, peer: Any, incarnation: str, path: Any, acked: Any) -> None:
        path.trust = "unverified"
        original(self, peer, incarnation, path, acked)

    return attach


def unjudged(original: Any) -> Any:
    """Judge nothing anew where a member is written."""
    return lambda self, member, now: member


def as_shown(original: Any) -> Any:
    """Take the registry's word for how high a serial is."""
    return lambda shown, now: shown


FAULTS: list[Fault] = [
    Fault(
        "serial-believed-low",
        "a registry that shows a low serial saves nobody from a revocation",
        {"chatixia.assembly.membership.revoke:ending_serial": as_shown},
        (f"{LYING}::test_a_low_one_saves_nobody_from_a_revocation",),
    ),
    Fault(
        "serial-believed-high",
        "an owner signs nothing above a serial that no revocation of its would reach",
        {
            "chatixia.assembly.membership.delegate:naming_serial": as_shown,
            "chatixia.assembly.membership.approve:naming_serial": as_shown,
            "chatixia.assembly.membership.invite:naming_serial": as_shown,
        },
        (f"{LYING}::test_above_a_high_one_nothing_is_signed",),
    ),
    Fault(
        "withdrawal-believed-high",
        "a registry that shows a high serial lifts no withdrawal above later delegations",
        {"chatixia.assembly.membership.revoke:ending_serial": as_shown},
        (f"{LYING}::test_a_high_one_lifts_no_withdrawal_above_all_later_delegations",),
    ),
    Fault(
        "delegation-unbounded",
        "a delegation has an end, and takes in neither every name nor every role",
        {"chatixia.core.record:_unbounded": always("")},
        (f"{CORE}::test_a_delegation_without_a_bound_is_none",),
    ),
    Fault(
        "delegation-typed-unchecked",
        "what no record may hold is refused as it was typed",
        {"chatixia.assembly.membership.delegate:check_bounds": always(None)},
        ("tests/cli/test_registry.py::test_a_delegation_without_a_bound_is_refused",),
    ),
    Fault(
        "delegation-of-any-name",
        "a registry signs the names that were delegated alone",
        {
            "chatixia.core.membership:may_name": any_name,
            "chatixia.core.delegation:may_name": any_name,
        },
        (
            f"{CORE}::test_what_it_signs_outside_of_its_bounds_is_refused",
            f"{CORE}::test_whatever_it_signs_lies_within_what_was_delegated",
            f"{REGISTRY}::test_names_that_others_have_or_had_are_not_given",
        ),
    ),
    Fault(
        "delegation-of-any-kind",
        "a registry signs machines and nobody else",
        {
            "chatixia.core.membership:SIGNS": lambda original: {
                **original,
                "registry": ("machine", "owner", "invitation", "registry", "agent", "client"),
            }
        },
        (f"{CORE}::test_it_signs_machines_and_nobody_else",),
    ),
    Fault(
        "delegation-not-withdrawn",
        "whoever came in by a delegation that was withdrawn is out at every peer",
        {
            "chatixia.core.membership:check_revoked": not_withdrawn,
            "chatixia.peer.control.revocations:check_revoked": not_withdrawn,
        },
        (
            f"{CORE}::test_a_withdrawal_ends_all_that_came_in_that_way_and_nothing_else",
            f"{REGISTRY}::test_after_a_withdrawal_nothing_is_signed_and_who_came_in_is_out",
            ACC,
        ),
    ),
    Fault(
        "delegation-still-listed",
        "the registry ends at once whoever came in that way",
        {"chatixia.registry.trust.members:withdrawn": always(False)},
        (f"{REGISTRY}::test_after_a_withdrawal_nothing_is_signed_and_who_came_in_is_out",),
    ),
    Fault(
        "delegation-unshown",
        "the hub has a button for whom the registry may sign",
        {"chatixia.registry.trust.delegating:DelegationService.admits": always(False)},
        (
            "tests/acceptance/test_hub.py::test_a_machine_that_asks_is_approved_here_or_shows_the_command",
        ),
    ),
    Fault(
        "delegation-uncompared",
        "nobody approves without the key that the machine shows",
        {"chatixia.registry.trust.pairing:PairingService._compare": always(None)},
        (f"{REGISTRY}::test_who_compares_nothing_or_sees_another_key_lets_nobody_in", ACC),
    ),
    Fault(
        "delegation-of-a-pinned-name",
        "a registry gives nobody's name to another key",
        {"chatixia.core.pins:_may_replace": always(True)},
        (
            f"{CORE}::test_pins_bind_the_registry_too",
            f"{REGISTRY}::test_names_that_others_have_or_had_are_not_given",
        ),
    ),
    Fault(
        "delegation-raced",
        "an approval that is under way loses against the withdrawal",
        {"chatixia.registry.trust.members:Members._current": unjudged},
        (f"{REGISTRY}::test_an_approval_that_was_under_way_loses_against_the_withdrawal",),
    ),
    Fault(
        "delegation-again",
        "an earlier delegation does not come after a later one",
        {"chatixia.registry.trust.delegating:DelegationService._serial": always(0)},
        (f"{REGISTRY}::test_only_this_registry_s_own_delegation_is_kept",),
    ),
    Fault(
        "registry-s-word-unsaid",
        "whoever the registry let in is `trust: registry` for everybody",
        {"chatixia.core.membership:trust_of": always("owner")},
        (
            f"{CORE}::test_a_machine_that_the_registry_signed_is_a_member_and_says_so",
            f"{REGISTRY}::test_who_is_let_in_is_a_member_by_the_registry_s_word",
            ACC,
        ),
    ),
    Fault(
        "untrusted-linked",
        "`trust: owner` has no link with whom the registry let in",
        {"chatixia.core.openings:check_trust": always(None)},
        (
            "tests/core/test_openings.py::test_who_takes_only_whom_an_owner_let_in_has_no_link_with_another",
            ACC,
        ),
    ),
    Fault(
        "untrusted-queue",
        "`trust: owner` takes no work that nobody proved",
        {"chatixia.peer.mesh:untrusted": answering},
        (
            "tests/peer/tasks/test_worker.py::test_who_takes_only_what_a_link_proved_says_so_to_whoever_comes_by_the_queue",
        ),
    ),
    Fault(
        "untrusted-dealt",
        "who takes nothing of the queue keeps no work from those who do",
        {"chatixia.registry.lifecycle:_served": dealt},
        (
            "tests/registry/test_lifecycle.py::test_who_takes_nothing_of_the_queue_is_given_only_what_names_it",
        ),
    ),
    Fault(
        "trust-of-a-caller-unsaid",
        "a handler is told who vouches for its caller",
        {"chatixia.peer.sessions.listener:SessionListener.attach": untold},
        ("tests/peer/tasks/test_worker.py::test_a_handler_is_told_who_vouches_for_its_caller",),
    ),
]
