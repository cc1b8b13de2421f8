"""The table of planted faults. `make faults` holds each against the tests it names.

How to add one: write a function that takes the product's own function (or class, or value) and
gives the broken one, and a row, in the file of its subject beside this one (``acceptance.py`` if
only whole processes show it): the switch's name, the promise that it breaks, the places it patches
(`module:Name` or `module:Class.method`), and the pytest node ids that must go red with it and are
green without. Each file's FAULTS are taken by themselves.

How it works: the switch is the environment variable CHATIXIA_FAULT. Nothing in src knows of it;
`inject/sitecustomize.py`, on PYTHONPATH, patches a module right after its import, in pytest's
process and in every process that a test starts. A place that does not exist any more, or a fault
that no process ever applied, is an error of `make faults`, as is a test that stays green.

Every test of tests/acceptance is named by some fault (test_faults.py counts them). This file is
loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
A node id without brackets stands for all its parameters: one red among them is enough.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from . import breaks, processes
from .breaks import Fault, always, value

ACC = "tests/acceptance"
NUMBERED = f"{ACC}/test_bad_wires.py::test_numbered_messages_arrive_once_and_in_order"

FAULTS: list[Fault] = [
    Fault(
        "no-signature-check",
        "a signature holds for its bytes only",
        {"chatixia.identity:verify": always(True)},
        (
            "tests/test_identity.py::test_a_signature_holds_only_for_its_context_data_and_key",
            "tests/test_identity.py::test_junk_verifies_nothing_and_raises_nothing",
            f"{ACC}/test_intruders.py::test_a_foreign_key_and_anothers_chain_make_no_link",
        ),
    ),
    Fault(
        "chain-unsigned",
        "a registry without the owner's key adds no member",
        {"chatixia.core.membership:check_chain": breaks.believing},
        (
            "tests/core/test_membership.py::test_a_signature_of_anybody_else_breaks_the_chain",
            "tests/core/test_membership.py::test_a_signature_under_another_context_breaks_the_chain",
        ),
    ),
    Fault(
        "offer-unsigned",
        "offers and answers hold as they were signed",
        {"chatixia.core.openings:_signed_bytes": always(b"")},
        (
            "tests/core/test_handshake.py::test_an_offer_changed_on_the_way_is_refused",
            "tests/core/test_handshake.py::test_an_answer_changed_on_the_way_is_refused",
            "tests/core/test_handshake.py::test_a_downgraded_offer_is_refused",
            f"{ACC}/test_intruders.py::test_a_registry_that_bends_what_it_relays_carries_no_link",
            f"{ACC}/test_intruders.py::test_an_offer_that_lies_makes_no_link[swapped fingerprint]",
        ),
    ),
    Fault(
        "no-hello",
        "each end proves its key on the very connection that it is at",
        {"chatixia.core.handshake:check_hello": breaks.unheard},
        (
            "tests/core/test_hello.py::test_misbinding_is_caught_at_hello",
            "tests/core/test_hello.py::test_a_wrong_fingerprint_is_refused",
            "tests/core/test_hello.py::test_a_reflected_hello_is_refused",
            "tests/peer/links/test_attempt.py::test_a_reflected_hello_is_no_hello",
            f"{ACC}/test_intruders.py::test_misbinding_is_seen_at_both_ends",
        ),
    ),
    Fault(
        "replayed-offer",
        "an offer counts once",
        {"chatixia.core.offers:OfferGuard.once": breaks.replayable},
        (
            "tests/core/test_link.py::test_an_offer_is_answered_once_per_attempt",
            f"{ACC}/test_intruders.py::test_replayed_and_reflected_offers_do_nothing",
        ),
    ),
    Fault(
        "no-rate",
        "who offers too much is not even read",
        {"chatixia.core.rates:TokenBucket.take": always(True)},
        (
            "tests/core/test_link.py::test_ten_offers_then_one_every_six_seconds_and_one_back_for_each_hello",
            "tests/peer/links/test_signaling.py::test_a_flood_of_offers_costs_ten_checks_and_twenty_sentences",
        ),
    ),
    Fault(
        "hasty-verdict",
        "a blocked loop is busy and not dead",
        {"chatixia.core.verdict:TABLE": breaks.hasty},
        (
            "tests/core/test_verdict.py::test_a_blocked_loop_is_busy_for_as_long_as_it_takes",
            "tests/peer/links/test_monitor.py::test_a_blocked_loop_for_a_minute_and_nobody_is_declared_dead",
            f"{ACC}/test_deaths.py::test_an_agent_whose_loop_stands_still_is_not_declared_dead",
        ),
    ),
    Fault(
        "crossed-candidates",
        "a candidate belongs to one try",
        {"chatixia.core.paths:PathAttempt.matches": always(True)},
        ("tests/core/test_link.py::test_candidates_of_any_other_try_are_dropped",),
    ),
    Fault(
        "paths-unranked",
        "a link uses the best path that is open",
        {"chatixia.core.link:Link._rank": breaks.first_come},
        (
            "tests/core/test_paths.py::test_a_better_path_is_used_as_soon_as_it_opens_and_the_worse_one_is_read_for_a_while",
        ),
    ),
    Fault(
        "flapping-path",
        "a path that died is not gone back to before it stood for a while",
        {"chatixia.core.paths:PathSlot.usable_at": always(0.0)},
        (
            "tests/core/test_paths.py::test_a_path_that_died_must_stand_five_ten_and_up_to_sixty_seconds",
        ),
    ),
    Fault(
        "path-beside-unread",
        "what comes by an open path is read, whichever path is in use",
        {"chatixia.peer.links.effects:LinkEffects._read": always(None)},
        (
            "tests/peer/links/test_effects.py::test_a_better_path_that_must_stand_is_read_and_used_when_the_peer_uses_it",
        ),
    ),
    Fault(
        "stale-ack-again",
        "a move between paths makes no peer believe that its state was lost",
        {"chatixia.core.frames:with_ack": breaks.as_it_left},
        (
            "tests/core/test_frames.py::test_what_goes_again_says_what_is_acknowledged_by_now",
            "tests/core/test_session.py::test_a_frame_that_goes_again_carries_the_present_ack",
        ),
    ),
    Fault(
        "broadcast-unasked",
        "a broadcast that the registry can read goes to nobody who refuses such",
        {"chatixia.registry.live.socket:Socket.agree": breaks.agreeable},
        (
            "tests/registry/live/test_announcements.py::test_each_gets_it_once_and_its_receipt_says_what_it_said",
            "tests/peer/test_driver.py::test_what_the_registry_fans_out_comes_in_clear_and_may_be_refused",
        ),
    ),
    Fault(
        "host-moved-unseen",
        "a host that has other addresses opens new paths without waiting for the old ones to die",
        {"chatixia.peer.links.host_watch:HostWatch.moved": breaks.settled},
        (
            "tests/peer/links/test_monitor.py::test_a_host_with_other_addresses_opens_new_paths_beside_the_old_ones",
        ),
    ),
    Fault(
        "kept-links-unopened",
        "with `links.keep: all` a link to every agent opens by itself",
        {"chatixia.peer.links.opener:LinkOpener.look": always(None)},
        ("tests/peer/links/test_opener.py::test_they_open_by_themselves",),
    ),
    Fault(
        "host-slept-unseen",
        "after a sleep nobody waits for silence to tell what died meanwhile",
        {"chatixia.peer.links.host_watch:HostWatch.slept": breaks.settled},
        ("tests/peer/links/test_monitor.py::test_after_a_sleep_links_and_login_are_asked_at_once",),
    ),
    Fault(
        "stream-unproved",
        "no path opens with another certificate than its peer signed, or with none",
        {"chatixia.core.hello:HelloExchange.check_certificate": always(None)},
        ("tests/core/test_hello.py::test_a_path_without_certificates_proves_nothing",),
    ),
    Fault(
        "no-pins",
        "nobody comes by another's name",
        {"chatixia.core.pins:judge": always([])},
        (
            "tests/core/test_pins.py::test_not_even_with_the_very_key",
            f"{ACC}/test_intruders.py::test_another_machines_higher_record_for_a_pinned_name_is_refused",
        ),
    ),
    Fault(
        "revoked-stays",
        "a revoked member is out at once, and all that it signed",
        {"chatixia.core.membership:check_revoked": always(None)},
        (
            "tests/core/test_membership.py::test_a_revoked_machine_takes_all_with_it",
            "tests/core/test_hello.py::test_revoked_or_over_between_offer_and_hello",
        ),
    ),
    Fault(
        "registry-unproved",
        "no credential goes to a registry that did not prove itself",
        {"chatixia.core.handshake:check_registry": breaks.believing},
        ("tests/assembly/remote/test_rest.py::test_a_man_in_the_middle_hears_no_credential",),
    ),
    Fault(
        "time-steps-back",
        "mesh time never steps back",
        {"chatixia.core.meshtime:MeshTime.learn": breaks.stepping},
        ("tests/core/test_meshtime.py::test_an_earlier_time_changes_nothing",),
    ),
    Fault(
        "size-unbounded",
        "what is larger than its bound is refused before it is parsed",
        {"chatixia.wire.base:decode": breaks.unbounded},
        ("tests/wire/test_base.py::test_size_is_judged_before_anything_else",),
    ),
    Fault(
        "no-resend",
        "a path that dies loses no call",
        {"chatixia.core.session:PeerSession.resume": breaks.unkept},
        (
            "tests/core/test_session.py::test_after_a_new_path_only_what_is_missing_goes_again",
            "tests/core/test_session.py::test_everything_arrives_once",
            f"{ACC}/test_cuts.py::test_ten_cuts_in_ten_thousand_calls",
            f"{NUMBERED}[50 ms, 1 %, moving]",
        ),
    ),
    Fault(
        "no-order",
        "each call is executed once, in order, whatever the path does",
        {"chatixia.core.session:PeerSession.receive": breaks.unheld},
        ("tests/peer/test_mesh.py::test_each_call_is_answered_once_executed_once_in_order",),
    ),
    Fault(
        "no-duplicate-table",
        "a request that comes twice runs once",
        {"chatixia.core.call:Calls._admit": breaks.forgetful},
        (
            "tests/core/test_call.py::test_a_duplicate_of_a_running_request_attaches_and_of_a_done_one_is_told_again",
        ),
    ),
    Fault(
        "swallowed-error",
        "nothing that failed is reported as done",
        {"chatixia.core.call:Calls.refuse": breaks.contented},
        (
            "tests/peer/test_mesh.py::test_each_way_to_fail_has_its_name",
            "tests/core/test_call.py::test_an_error_keeps_its_class_and_names_the_peer",
            f"{ACC}/test_cells.py::test_a_failure_is_the_same_through_every_door[unknown skill]",
        ),
    ),
    Fault(
        "no-hop-limit",
        "a loop without end is refused",
        {"chatixia.wire.peer:MAX_HOPS": value(1 << 30)},
        (
            "tests/core/test_call.py::test_what_is_refused_before_it_starts",
            f"{ACC}/test_calls.py::test_nested_delegation_answers_and_a_loop_is_refused",
        ),
    ),
    Fault(
        "no-deadline",
        "a call ends before its deadline",
        {"chatixia.core.timers:TimerWheel.due": always([])},
        ("tests/core/test_call.py::test_deadlines_at_both_ends",),
    ),
    Fault(
        "no-credit",
        "a peer that takes more than its credit is cut off",
        {"chatixia.core.session:PeerSession.consumed": always(None)},
        ("tests/core/test_session.py::test_a_peer_beyond_its_credit_is_refused",),
    ),
    Fault(
        "constant-tier",
        "an answer says which tier carried it",
        {"chatixia.peer.tasks.submitter:VIA": value("direct")},
        (
            "tests/peer/tasks/test_submitter.py::test_an_answer_says_that_it_came_by_the_queue",
            f"{ACC}/test_demo.py::test_without_udp_it_says_queue",
        ),
    ),
    Fault(
        "no-lease",
        "a lease that is over or refused stops its skill",
        {"chatixia.peer.tasks.leases:LeaseSet.lose": always(None)},
        (
            "tests/peer/tasks/test_leases.py::test_a_canceled_task_stops_its_skill",
            "tests/peer/tasks/test_leases.py::test_a_lease_that_ends_stops_its_skill",
        ),
    ),
    Fault(
        "no-fence",
        "a result counts only under the fence that is held",
        {"chatixia.store.control.leases:holds": breaks.held_by_name},
        ("tests/store/control/test_leases.py::test_no_result_under_an_older_fence",),
    ),
    Fault(
        "reply-before-commit",
        "nothing is acknowledged before it is on the disk",
        {"chatixia.store.control.writer:Writer._run": breaks.answered_early},
        (
            "tests/store/control/test_writer.py::test_no_answer_comes_before_its_sync",
            "tests/store/control/test_writer.py::test_a_failed_commit_is_an_unknown_outcome_and_the_end",
            f"{ACC}/test_storage.py::test_killed_between_commit_and_reply_under_load",
        ),
    ),
    Fault(
        "no-idempotency",
        "the same key gives the same task",
        {"chatixia.core.task:scope": breaks.keyless},
        (
            "tests/store/control/test_submission.py::test_the_same_key_gives_the_same_task",
            "tests/store/control/test_grants.py::test_a_claim_id_repeats_the_same_grant",
            f"{ACC}/test_snippets.py::test_five_durable",
        ),
    ),
    Fault(
        "two-tables",
        "a request that comes by link and by queue runs once",
        {
            "chatixia.peer.tasks.dedup:DuplicateGuard._carried": always(None),
            "chatixia.peer.tasks.dedup:DuplicateGuard.follow": always(None),
        },
        (
            "tests/peer/tasks/test_dedup.py::test_a_task_waits_for_what_a_link_began_and_renews_its_lease",
            "tests/peer/tasks/test_dedup.py::test_with_a_real_registry_and_a_real_link_it_runs_once",
            "tests/peer/tasks/test_dedup.py::test_a_link_that_repeats_what_the_queue_brought_gets_its_answer",
        ),
    ),
    Fault(
        "synchronous-off",
        "an acknowledged change outlives a power cut",
        {"chatixia.store.control.database:SYNCHRONOUS": value("OFF")},
        (
            "tests/store/control/test_writer.py::test_no_answer_comes_before_its_sync",
            "tests/store/control/test_database.py::test_the_writer_syncs_every_commit_and_checkpoints_by_hand",
        ),
    ),
    Fault(
        "unknown-reported-as-failure",
        "what is not known is never reported as failed",
        {"chatixia.store.control.writer:OutcomeUnknown": breaks.definite},
        (
            "tests/store/control/test_writer.py::test_a_failed_commit_is_an_unknown_outcome_and_the_end",
        ),
    ),
    Fault(
        "store-time-steps-back",
        "no step of the wall clock ends a lease or brings back an invitation",
        {
            "chatixia.store.control.clock:StoreClock.now": lambda original: (
                lambda self: self._world.wall()
            )
        },
        (
            "tests/store/control/test_sweep.py::test_a_step_of_the_wall_ends_no_lease_and_no_deadline",
            "tests/store/control/test_clock.py::test_the_wall_may_step_while_we_run",
        ),
    ),
    Fault(
        "open-after-close",
        "a closed mesh refuses at once what was made of it",
        {"chatixia.client.call_context:CallContext.lock": always(None)},
        (
            "tests/assembly/test_connect.py::test_what_was_made_of_a_closed_mesh_refuses_at_once",
            "tests/assembly/test_connect.py::test_a_stopped_agents_own_mesh_refuses",
        ),
    ),
    Fault(
        "calls-left-open",
        "calls under way end when their mesh closes",
        {"chatixia.peer.mesh:PeerMesh._end_pending": always(None)},
        ("tests/assembly/test_connect.py::test_calls_under_way_end_when_the_mesh_closes",),
    ),
    Fault(
        "patient-command",
        "a command says soon that no registry is there",
        {"chatixia.peer.control.login:_refused": always(False)},
        ("tests/cli/test_common.py::test_a_registry_that_is_down_is_said_soon[words0]",),
    ),
    Fault(
        "deaf-to-the-owner",
        "whoever the owner put out hears so at once",
        {
            "chatixia.peer.control.revocations:RevocationReceiver._check_own_membership": always(
                None
            )
        },
        (
            "tests/peer/control/test_session.py::test_the_owners_word_against_me_ends_it_for_good",
            f"{ACC}/test_revoked.py::test_a_revoked_machines_call_and_agent_end_at_once",
            "tests/assembly/membership/test_revoke.py::test_whoever_is_revoked_hears_of_it_in_the_middle_of_a_call",
        ),
    ),
    Fault(
        "waiting-for-the-dead",
        "a call by skill does not spend its time on an agent that no link reaches",
        {"chatixia.core.route:patience": processes.unhurried},
        ("tests/client/test_anyone.py::test_one_that_no_link_reaches_costs_little_and_only_once",),
    ),
    Fault(
        "linkless-link",
        "who has no key is reached by the queue, and last",
        {"chatixia.wire.registry:AgentRecord.keyless": breaks.with_a_key},
        ("tests/client/test_anyone.py::test_who_has_no_key_comes_last_and_through_the_queue",),
    ),
    Fault(
        "resolver-first",
        "no resolver is asked for a .local name while another address answers",
        {"chatixia.core.join:is_local": always(False)},
        (
            "tests/peer/control/test_session.py::test_no_resolver_is_asked_while_a_number_answers",
            "tests/assembly/remote/test_rest.py::test_no_resolver_is_asked_while_a_number_answers",
        ),
    ),
]

for file in sorted(Path(__file__).parent.glob("*.py")):
    if file.stem not in ("__init__", "faults", "run") and not file.stem.startswith("test_"):
        FAULTS += getattr(import_module(f".{file.stem}", __package__), "FAULTS", [])

BY_NAME = {fault.name: fault for fault in FAULTS}
