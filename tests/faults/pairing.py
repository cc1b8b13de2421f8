"""Planted faults of joining by a code, and of revocations among peers; as ``faults.py``."""

from __future__ import annotations

import shutil
from typing import Any

from .breaks import Fault, always

STORE = "tests/store/control/test_pairing.py"
REGISTRY = "tests/registry/trust/test_pairing.py"
APPROVE = "tests/assembly/membership/test_approve.py"
PAIR = "tests/assembly/membership/test_pair.py"
ACC = "tests/acceptance/test_pairing.py"


def reusable(original: Any) -> Any:
    """Leave a code good after its use."""

    def begin(tx: Any, digest: bytes, row: Any, act: Any = None) -> Any:
        used = original(tx, digest, row, act)
        if used.row is not None:
            keep = {"digest": digest, "ns": row.ns, "inviter": "", "expires": tx.now + 300}
            tx.run("put_code", keep)
        return used

    return begin


def of_the_key_alone(original: Any) -> Any:
    """Show a machine's key without whom it met."""

    def of_machine(mesh: str, registry: bytes, name: str, sign: bytes, seal: bytes) -> str:
        return str(original("", b"", "", sign, b""))

    return of_machine


def of_anybody(original: Any) -> Any:
    """Take the owner's record of whatever machine for that of the one that asked."""

    def check(chain: Any, *, mesh: str, now: float, verify: Any, **_: Any) -> Any:
        from chatixia.core.membership import check_chain

        return check_chain(chain, mesh=mesh, now=now, verify=verify)

    return check


def unanswered(original: Any) -> Any:
    """Say to whoever waits that it is rejected."""

    async def wait(self: Any, call: Any, request: Any) -> Any:
        answer = await original(self, call, request)
        answer.state = "rejected"
        return answer

    return wait


def unsigned(original: Any) -> Any:
    """Believe a revocation whoever signed it."""

    def check(*args: Any, **named: Any) -> Any:
        return original(*args, **{**named, "verify": lambda *_: True})

    return check


def with_other_keys(original: Any) -> Any:
    """Forget the keys that were drawn before."""

    def make(folder: Any) -> Any:
        shutil.rmtree(folder, ignore_errors=True)
        return original(folder)

    return make


def pending(original: Any) -> Any:
    """No time is over."""
    return lambda row, now: row.state


def looked_through(original: Any) -> Any:
    """Let no filter of the audit log find its index."""
    return lambda oldest, filters: original(oldest, filters).replace("AND ", "AND +")


def nobody(original: Any) -> Any:
    """List no described agent that waits."""

    async def pending(self: Any, call: Any, query: Any) -> list[Any]:
        return []

    return pending


FAULTS: list[Fault] = [
    Fault(
        "described-waits-unseen",
        "the hub shows described agents that wait",
        {"chatixia.registry.trust.devices:DevicePairing.pending": nobody},
        ("tests/acceptance/test_hub.py::test_described_agents_and_resting_codes_are_there_too",),
    ),
    Fault(
        "replaced-too-soon",
        "a machine is out only once nothing else refuses the one that takes its name",
        {
            "chatixia.assembly.membership.approve:_still_waits": always(None),
            "chatixia.assembly.membership.approve:check_bounds": always(None),
        },
        (f"{APPROVE}::test_what_refuses_the_newcomer_leaves_the_other_in",),
    ),
    Fault(
        "rejected-unheard",
        "a machine that is turned away hears it at once",
        {"chatixia.registry.waiters:Waiters.wake": always(None)},
        (f"{REGISTRY}::test_who_is_rejected_hears_it_at_once",),
    ),
    Fault(
        "pair-begins-anew",
        "who was approved while its command was gone goes on with the same keys",
        {"chatixia.assembly.membership.pair:make_keys": with_other_keys},
        (f"{PAIR}::test_approved_while_the_machine_is_gone",),
    ),
    Fault(
        "pairing-for-ever",
        "who was not approved within an hour must ask again",
        {"chatixia.store.control.rows:PairingRow.standing": pending},
        (f"{STORE}::test_it_waits_an_hour_and_its_row_goes_a_day_later",),
    ),
    Fault(
        "audit-looked-through",
        "a page of the audit log costs what it shows, however long that is",
        {"chatixia.store.control.audit_store:statement": looked_through},
        ("tests/store/control/test_audit_store.py::test_what_is_looked_for_is_found_by_an_index",),
    ),
    Fault(
        "code-unbudgeted",
        "all wrong codes together have one budget, then codes rest",
        {"chatixia.store.control.pairing:resting": always(0.0)},
        (
            f"{STORE}::test_wrong_codes_have_one_budget_and_then_a_right_one_is_not_taken",
            f"{REGISTRY}::test_twenty_wrong_codes_from_many_addresses_stop_codes_and_not_join_strings",
        ),
    ),
    Fault(
        "code-for-several",
        "a code lets one machine ask",
        {"chatixia.store.control.pairing:begin": reusable},
        (
            f"{STORE}::test_a_code_is_good_once",
            f"{STORE}::test_of_several_at_once_one_gets_it",
            f"{PAIR}::test_a_code_used_twice_at_once_lets_one_in",
        ),
    ),
    Fault(
        "code-of-one-address",
        "no address spends the budget of all",
        {"chatixia.registry.limits:RateLimits.take": always(True)},
        (
            f"{REGISTRY}::test_no_address_spends_the_whole_budget",
            f"{REGISTRY}::test_many_guesses_at_once_are_no_way_around_the_share_of_an_address",
        ),
    ),
    Fault(
        "pair-key-alone",
        "one comparison shows that nobody stands between",
        {"chatixia.core.fingerprints:of_machine": of_the_key_alone},
        (
            "tests/core/test_fingerprints.py::test_that_of_a_machine_covers_both_its_keys_and_whom_it_met",
        ),
    ),
    Fault(
        "pair-key-unseen",
        "keys that differ are a refusal that says what to do",
        {"chatixia.assembly.membership.approve:check_key": always(None)},
        (
            f"{PAIR}::test_another_key_at_either_end_is_one_sentence",
            "tests/cli/test_approve.py::test_by_the_key_that_pair_shows",
            f"{ACC}::test_rejected_and_swapped_keys_are_one_sentence_at_each_end",
        ),
    ),
    Fault(
        "approval-of-another",
        "a machine is in by the owner's record of its very keys alone",
        {
            "chatixia.registry.trust.pairing:check_approval": of_anybody,
            "chatixia.core.pairing:check_approval": of_anybody,
        },
        (
            f"{REGISTRY}::test_no_record_of_another_machine_approves",
            "tests/core/test_pairing.py::test_an_approval_is_the_owners_record_for_the_very_keys_that_asked",
        ),
    ),
    Fault(
        "approved-unheard",
        "whoever was approved goes on by itself",
        {"chatixia.registry.trust.pairing:PairingService.wait": unanswered},
        (f"{ACC}::test_from_a_code_to_a_direct_call",),
    ),
    Fault(
        "replaced-stays",
        "whom `approve --replace` replaces is out",
        {"chatixia.assembly.membership.approve:revoke": always(None)},
        (f"{PAIR}::test_a_name_that_a_machine_has_is_taken_over_by_replace_alone",),
    ),
    Fault(
        "withheld-unnoticed",
        "one informed peer informs the mesh without the registry",
        {
            "chatixia.peer.links.revocations:RevocationExchange.tell": always(None),
            "chatixia.peer.links.revocations:RevocationExchange.compare": always(None),
        },
        (
            "tests/peer/links/test_revocations.py::test_one_informed_peer_informs_all_over_open_links",
            "tests/peer/links/test_revocations.py::test_what_was_withheld_comes_with_hello",
            "tests/acceptance/test_withheld.py::test_one_informed_peer_ends_the_links_of_the_revoked_one_everywhere",
        ),
    ),
    Fault(
        "ping-unheard",
        "a ping says which revocations its sender lacks, and brings them",
        {"chatixia.peer.links.revocations:RevocationExchange.receive_lists": always(None)},
        (
            "tests/peer/links/test_revocations.py::test_a_ping_brings_what_was_missed_once",
            "tests/acceptance/test_withheld.py::test_what_a_flood_of_revocations_left_out_comes_with_the_next_pings",
        ),
    ),
    Fault(
        "withheld-by-version",
        "a version does not hide a revocation that was left out",
        {"chatixia.peer.links.revocations:digest_of": always("")},
        ("tests/peer/links/test_revocations.py::test_who_knows_the_same_sends_nothing",),
    ),
    Fault(
        "revoked-by-anybody",
        "a peer's word about another is the owner's or none",
        {"chatixia.peer.control.revocations:check_revocation": unsigned},
        (
            "tests/peer/links/test_revocations.py::test_what_the_owner_did_not_sign_is_ignored_and_a_flood_is_not_read",
        ),
    ),
    Fault(
        "confirmed-by-anybody",
        "membership is confirmed by the owner's word about the list that one has",
        {"chatixia.peer.links.membership:MembershipCheck._unconfirmed": always(False)},
        (
            "tests/peer/links/test_membership.py::test_the_owners_word_counts_and_no_registry_that_answers",
        ),
    ),
    Fault(
        "confirmed-though-withheld",
        "a word about a list that one lacks confirms nothing",
        {"chatixia.peer.links.membership:version_of": always(2**53)},
        (
            "tests/acceptance/test_withheld.py::test_where_nobody_is_informed_links_end_within_membership_ttl",
            "tests/peer/links/test_membership.py::test_the_owners_word_counts_and_no_registry_that_answers",
        ),
    ),
]
