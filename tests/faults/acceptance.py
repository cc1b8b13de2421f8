"""Planted faults that only whole processes show; the table in ``faults.py`` ends with these.

A test of tests/acceptance that a fault of ``faults.py`` reddens is named there.
"""

from __future__ import annotations

from . import breaks, demo, processes
from .breaks import Fault, Patch, always, value


def fault(name: str, promise: str, places: dict[str, Patch], *red: str) -> Fault:
    """A row, its tests named within tests/acceptance."""
    return Fault(name, promise, places, tuple(f"tests/acceptance/{node}" for node in red))


FAULTS: list[Fault] = [
    fault(
        "misordered-fragments",
        "a message of any size arrives as it was sent",
        {"chatixia.core.fragments:Reassembly._whole": processes.misordered},
        "test_calls.py::test_messages_of_every_size_arrive_intact",
    ),
    fault(
        "lost-item",
        "a stream comes whole",
        {"chatixia.core.streams:Inflow.put": processes.lossy},
        "test_calls.py::test_streams_come_whole_and_in_order",
        "test_snippets.py::test_three_stream",
    ),
    fault(
        "one-sided-link",
        "both ends name the same link",
        {"chatixia.peer.links.attempt:LinkAttempt._bind": processes.one_sided},
        "test_calls.py::test_both_ends_name_the_same_link_and_tier",
        "test_demo.py::test_the_job_over_direct_links[wrtc]",
        "test_hub.py::test_agents_and_the_links_between_them",
    ),
    fault(
        "misnamed-error",
        "a failure has one name at every door",
        {"chatixia.core.queued:from_wire": processes.misnamed},
        "test_cells.py::test_a_failure_is_the_same_through_every_door[unknown skill]",
    ),
    fault(
        "unanswered-damage",
        "a frame that cannot be read ends its link",
        {"chatixia.peer.sessions.channel:SessionChannel._broken": always(None)},
        "test_channel_door.py::test_a_hostile_members_frames_are_answered_or_end_its_link[500]",
    ),
    fault(
        "uncomplaining",
        "a message that cannot be read is answered with an error",
        {"chatixia.core.call:Calls._control": processes.uncomplaining},
        "test_channel_door.py::test_a_hostile_members_frames_are_answered_or_end_its_link[500]",
    ),
    fault(
        "lasting-lease",
        "what a dead process held goes on within seconds",
        {"chatixia.registry.work.leases:LeaseTable._leave": always(None)},
        "test_deaths.py::test_a_killed_agents_calls_fail_and_its_tasks_go_to_another",
    ),
    fault(
        "hasty-registry",
        "a blocked loop is nobody's death at the registry either",
        {"chatixia.assembly.serve.up:pings": always((2.0, 3.0))},
        "test_deaths.py::test_an_agent_whose_loop_stands_still_is_not_declared_dead",
    ),
    fault(
        "credulous-worker",
        "what was taken back, cancelled or ended while it waited is not begun",
        {"chatixia.peer.tasks.worker:QueueWorker._fresh": always(True)},
        "test_deaths.py::test_what_waited_for_a_loop_that_stood_still_runs_once_or_not_at_all",
    ),
    fault(
        "result-dropped-with-its-lease",
        "a result waits for the registry as long as that is away",
        {
            "chatixia.peer.tasks.leases:LeaseSet._tick": breaks.dropping,
            "chatixia.peer.tasks.lease:Outcomes.keep": always(
                None
            ),  # else it is told when regranted
        },
        "test_registry_dies.py::test_what_ends_while_the_registry_is_dead_is_told_when_it_is_back",
    ),
    fault(
        "clinging-to-the-registry",
        "connected agents do without the registry",
        {"chatixia.peer.links.driver:LinkDriver.registry": processes.clinging},
        "test_registry_dies.py::test_agents_keep_calling_while_the_registry_is_dead[20-60]",
    ),
    fault(
        "by-the-registry",
        "the registry never sees what agents say to each other",
        {
            "chatixia.core.route:first": processes.detoured,
            "chatixia.peer.tasks.submitter:VIA": value("direct"),
        },
        "test_secrets.py::test_a_marker_is_found_at_both_agents_and_nowhere_else",
    ),
    fault(
        "both-offer",
        "two that call each other at once get one link",
        {
            "chatixia.core.link:Link.__init__": processes.both_offer,
            "chatixia.peer.links.signaling:check_opening": processes.credulous,
        },
        "test_starts.py::test_five_at_once_twenty_times",
    ),
    fault(
        "anybody-signs",
        "only the owner's word, handed down, makes a member",
        {"chatixia.core.membership:_check_step": always(None)},
        "test_intruders.py::test_a_registry_that_invents_a_member_is_refused_by_every_peer",
        "test_intruders.py::test_an_invented_member_that_is_asked_gets_no_link_either",
    ),
    fault(
        "credulous-offer",
        "an offer is its maker's, and for whom it was made",
        {"chatixia.peer.links.signaling:check_opening": processes.credulous},
        "test_intruders.py::test_an_agents_own_offer_comes_back_to_it_in_vain",
    ),
    fault(
        "unnamed-handshake",
        "who shows another certificate than it signed is told so, and so is the other side",
        {"chatixia.peer.links.attempt:LinkAttempt._broke": breaks.unnamed},
        "test_intruders.py::test_a_signed_fingerprint_of_another_certificate_makes_no_link[wrtc]",
    ),
    fault(
        "any-mesh",
        "a join string brings into the mesh that it names",
        {"chatixia.assembly.membership.join:owner_of": processes.unread_mesh},
        "test_join_strings.py::test_a_join_string_of_a_foreign_mesh_joins_nobody",
    ),
    fault(
        "invitation-used-twice",
        "an invitation brings in one",
        {
            "chatixia.core.invitation:check_redeem": always(None),
            "chatixia.core.pins:decide": always("new"),
            "chatixia.store.control.trust:redeem": processes.unspent,
        },
        "test_join_strings.py::test_a_join_string_used_twice_at_once_joins_one",
    ),
    fault(
        "body-unbounded",
        "what is too large is refused before it is read",
        {
            "chatixia.registry.web.body:read_body": processes.endless,
            "uvicorn.config:Config.__init__": processes.wide_open,
        },
        "test_doors.py::test_a_body_of_100_mb_is_refused_early",
        "test_doors.py::test_a_frame_of_100_mb_is_refused_early[fragments]",
    ),
    fault(
        "halves-unbounded",
        "half messages have a bound",
        {"chatixia.core.fragments:MAX_MESSAGE": value(1 << 40)},
        "test_channel_door.py::test_100_mb_over_a_link_are_refused_early[never_whole-16777216]",
    ),
    fault(
        "mute-doors",
        "who is refused is told why",
        {"chatixia.registry.web.app:refuse": processes.mute},
        "test_doors.py::test_bad_input_is_answered_and_costs_nothing[500-http]",
    ),
    fault(
        "stun-for-all",
        "the STUN door answers binding requests alone",
        {"chatixia.registry.live.stun:_request": processes.any_packet},
        "test_doors.py::test_bad_packets_are_dropped_and_cost_nothing[500]",
    ),
    fault(
        "unguarded-door",
        "bad input breaks no connection",
        {"chatixia.wire.base:decode": processes.unguarded},
        "test_doors.py::test_bad_input_is_answered_and_costs_nothing[500-websocket]",
    ),
    fault(
        "refused-and-kept",
        "what is refused for want of room is not there",
        {"chatixia.store.control.task_store:TaskStore.submit": processes.refused_after},
        "test_storage.py::test_a_full_disk_loses_nothing_and_says_so",
    ),
    fault(
        "no-live-page",
        "the hub shows what happens as it happens",
        {"chatixia.registry.live.roster:Roster.broadcast": always(None)},
        "test_hub.py::test_a_task_comes_and_goes_before_your_eyes",
    ),
    fault(
        "filter-ignored",
        "the hub lists the state that was chosen",
        {"chatixia.registry.work.service:TaskService.page": processes.unfiltered},
        "test_hub.py::test_the_filter_lives_in_the_address",
    ),
    fault(
        "loss-not-said",
        "the hub says when it has lost the registry",
        {
            "chatixia.registry.web.static:_asset": processes.rewritten(
                "hub.js", b'"lost"', b'"said"'
            )
        },
        "test_hub.py::test_the_page_says_when_the_registry_is_gone_and_comes_back",
    ),
    fault(
        "login-link-used-twice",
        "a login link opens the hub once",
        {"chatixia.store.control.people:redeem_link": processes.lasting_link},
        "test_hub.py::test_a_link_opens_once",
    ),
    fault(
        "every-refusal-is-a-used-link",
        "a login that is refused for now says why",
        {
            "chatixia.registry.web.static:_asset": processes.rewritten(
                "hub.js", b"error.status >= 500", b"error.status >= 900"
            )
        },
        "test_hub.py::test_a_login_refused_for_now_says_why",
    ),
    fault(
        "link-in-a-tab-ignored",
        "a fresh link opens the hub in a tab that shows it already",
        {
            "chatixia.registry.web.static:_asset": processes.rewritten(
                "hub.js", b'"hashchange"', b'"nothing"'
            )
        },
        "test_hub.py::test_a_fresh_link_in_the_same_tab_opens",
    ),
    fault(
        "names-in-pieces",
        "the hub breaks no name where there is room",
        {
            "chatixia.registry.web.static:_asset": processes.rewritten(
                "hub.css", b".name { white-space: nowrap; }", b".name { word-break: break-all; }"
            )
        },
        "test_hub.py::test_a_long_list_says_so_and_names_stay_whole",
    ),
    fault(
        "page-too-wide",
        "the hub fits a phone",
        {
            "chatixia.registry.web.static:_asset": processes.rewritten(
                "hub.css", b"main { padding-bottom", b"main { min-width: 40rem; padding-bottom"
            )
        },
        "test_hub.py::test_a_phone_shows_it_without_scrolling_sideways[light]",
    ),
    fault(
        "dressed-function",
        "a function that is made a skill stays the function",
        {"chatixia.assembly.agent:Agent.skill": processes.dressed},
        "test_snippets.py::test_one_serve",
    ),
    fault(
        "timeless-reply",
        "a reply says how long the call took",
        {"chatixia.client.handle:make_reply": processes.timeless},
        "test_snippets.py::test_two_call",
    ),
    fault(
        "gathered-backwards",
        "the results of many calls come in the order asked",
        {"chatixia.agent.context:gather": processes.backwards},
        "test_snippets.py::test_four_delegate",
    ),
    fault(
        "no-second-try",
        "a frame that a path lost goes again",
        {"chatixia.core.session:PeerSession.tick": always(False)},
        "test_snippets.py::test_six_test",
    ),
    fault(
        "canned-count",
        "the demo counts the very document",
        {"chatixia.assembly.run.pyfile:run_file": demo.canned},
        "test_demo.py::test_make_demo",
        "test_demo.py::test_the_job_over_direct_links[wrtc]",
        "test_demo.py::test_two_files_drawn_at_random_at_once_from_a_path_with_spaces",
    ),
    fault(
        "cut-anywhere",
        "the demo's counts do not depend on how it cuts the document",
        {"chatixia.assembly.run.pyfile:run_file": demo.cut_anywhere},
        "test_demo.py::test_what_is_counted_in_parts_adds_up",
        "test_demo.py::test_the_job_over_direct_links[wrtc]",
    ),
    fault(
        "hushed-failure",
        "what could not be done is named as missing",
        {"chatixia.client.handle:insist": processes.hushed},
        "test_demo.py::test_a_killed_analyst_is_missed",
        "test_demo.py::test_a_file_without_a_word_where_only_ascii_can_be_shown",
    ),
    fault(
        "unwatched",
        "the demo ends as soon as it cannot be done any more",
        {"asyncio:wait": demo.unwatched},
        "test_demo.py::test_without_a_killed_part_it_ends_with_a_sentence[coordinator]",
    ),
    fault(
        "no-detour",
        "a call that may run twice leaves a dead link for the queue",
        {"chatixia.core.route:late": demo.no_detour},
        "test_demo.py::test_udp_that_ends_in_the_middle_costs_a_detour",
    ),
    fault(
        "unheard-start",
        "the demo says what did not start",
        {"asyncio.streams:StreamReader.readline": demo.headless},
        "test_demo.py::test_ended_while_it_starts_it_says_so_in_a_sentence",
    ),
    fault(
        "left-behind",
        "the demo leaves nothing",
        {"shutil:rmtree": demo.left_behind},
        "test_demo.py::test_it_stays_until_told_and_leaves_nothing[15]",
        "test_demo.py::test_ended_before_its_report_it_leaves_nothing[15]",
    ),
    fault(
        "unlooked-file",
        "the demo says at once that there is no such file",
        {"pathlib:Path.is_file": demo.unlooked},
        "test_demo.py::test_a_file_that_is_none",
    ),
    fault(
        "tierless-line",
        "the line after a call says how it was carried",
        {"chatixia.cli.output:carried": processes.tierless},
        "test_transcript.py::test_ten_minutes",
    ),
    fault(
        "wheel-of-python",
        "the wheel holds the hub's page and the store's statements",
        {
            "hatchling.builders.plugin.interface:BuilderInterface.recurse_included_files": (
                processes.only_python
            )
        },
        "test_transcript.py::test_the_wheel_holds_the_page_and_the_schema",
    ),
    fault(
        "once-gone-always-gone",
        "an agent that came back is called directly again",
        {"chatixia.peer.sessions.listener:SessionListener.present": always(None)},
        "test_deaths.py::test_an_agent_that_was_killed_and_restarted_is_called_directly_again",
    ),
    fault(
        "silent-loss",
        "an agent says when its registry is lost and when it is back",
        {"chatixia.peer.control.login_log:LoginLog.lost": always(None)},
        "test_registry_dies.py"
        "::test_an_agent_says_once_that_the_registry_is_lost_and_once_that_it_is_back",
    ),
]
