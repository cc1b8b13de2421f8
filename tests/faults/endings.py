"""Planted faults about how work ends: leases, stops, restarts, and what a skill raises."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value


def too_high(original: Any) -> Any:
    """Take what is below BaseException alone for nobody's answer."""
    return lambda error, *rest: original(error, *rest) or not isinstance(error, Exception)


def as_closed(original: Any) -> Any:
    """Take silence for a socket that the far side closed."""

    def offline(self: Any, agent: Any, incarnation: str, clean: bool, silent: bool) -> None:
        original(self, agent, incarnation, clean, False)

    return offline


def clinging(original: Any) -> Any:
    """Keep idempotent calls for the return of who is lost, whoever else could have them."""

    def abandon(self: Any, *rest: Any) -> None:
        for pending in self.pending.values():
            pending.outgoing.elsewhere = False
        original(self, *rest)

    return abandon


def unaware(original: Any) -> Any:
    """Notice no task that waits for who is lost."""

    async def never(*_: Any) -> bool:
        return False

    return never


def idle(original: Any) -> Any:
    """Do nothing where something is awaited."""

    async def nothing(*_: Any) -> None: ...

    return nothing


def unforgiving(original: Any) -> Any:
    """Let nobody have forgotten its peer."""

    def resume(self: Any, acked: int) -> None:
        original(self, acked)
        self.forgetful = False

    return resume


def cancelled(original: Any) -> Any:
    """Say of what was stopped that its caller had cancelled it."""

    def error(me: Any, outcome: str = "") -> Any:
        from chatixia.errors import Cancelled

        return Cancelled(agent=me)

    return error


def shared(original: Any) -> Any:
    """Let each request start in whatever context it is taken up in."""

    class Current:
        copy = staticmethod(original)

    return Current


ACC = "tests/acceptance"
CALLS = "tests/peer/sessions/test_dispatch.py"
SESSION = "tests/core/test_session.py"
MESH = "tests/peer/test_mesh.py"
STOP = "tests/peer/sessions/test_stop.py"
LIVE = "tests/registry/live"
ANYONE = "tests/client/test_anyone.py"
KEYLESS = "tests/assembly/remote/test_api_key_agent.py"

PROTOCOLS = "tests/registry/web/test_protocols.py"

FAULTS: list[Fault] = [
    Fault(
        "deaf-after-a-login",
        "what is watched is watched in the next login too",
        {"chatixia.peer.tasks.submitter:QueueClient.registry_up": always(None)},
        ("tests/peer/tasks/test_submitter.py::test_a_watch_goes_on_in_the_next_login",),
    ),
    Fault(
        "progress-told-twice",
        "a step of a task is passed on once",
        {"chatixia.client.task:_Newest.repeats": always(False)},
        ("tests/client/test_task.py::test_what_a_watch_is_told_again_is_passed_on_once",),
    ),
    Fault(
        "blamed-on-the-caller",
        "what was cancelled from inside is unknown, and told at once",
        {
            "chatixia.peer.sessions.dispatch:interrupted": cancelled,
            "chatixia.peer.tasks.worker:QueueWorker._interrupted": always(None),
        },
        (
            f"{CALLS}::test_what_was_cancelled_from_inside_is_not_said_to_be_its_callers_wish",
            f"{STOP}::test_what_was_cancelled_from_inside_is_told_at_once_and_tried_again",
        ),
    ),
    Fault(
        "one-context-for-all",
        "no request sees the context of another",
        {
            "chatixia.peer.sessions.dispatch:copy_context": shared,
            "chatixia.background:copy_context": shared,
        },
        (
            f"{CALLS}::test_a_request_sees_no_other_requests_context",
            "tests/test_background.py::test_an_eager_one_runs_in_its_owners_context",
        ),
    ),
    Fault(
        "panic-untold",
        "whatever a skill raises is its answer, at once",
        {
            "chatixia.peer.tasks.worker:ends": too_high,
            "chatixia.agent.failing:is_an_end": too_high,
        },
        (
            "tests/peer/tasks/test_worker.py::test_each_end_is_reported[panics]",
            "tests/agent/test_runtime.py::test_whatever_a_skill_raises_is_its_answer[panics]",
        ),
    ),
    Fault(
        "silence-is-death",
        "who answers no ping keeps the leases for their time",
        {"chatixia.registry.web.protocols:NO_PONG": value(1005)},
        (f"{PROTOCOLS}::test_only_who_answers_no_ping_is_silent[reads none]",),
    ),
    Fault(
        "silent-lease-cut",
        "silence ends no lease before its time",
        {"chatixia.registry.work.leases:LeaseTable.offline": as_closed},
        ("tests/registry/work/test_leases.py::test_silence_ends_no_lease_before_its_time",),
    ),
    Fault(
        "token-once-a-login",
        "a living login is sent its next token before the old one ends",
        {"chatixia.registry.live.refresh:ConfigRefresher.begin": always(None)},
        ("tests/registry/live/test_refresh.py::test_agents_and_clients_get_the_next_token",),
    ),
    Fault(
        "borrowed-token-alone",
        "a thread whose token ended while its loop was blocked gets one of its own",
        {"chatixia.peer.control.session:asserter": always(None)},
        (f"{ACC}/test_blocked_loops.py::test_a_blocked_loop_keeps_its_lease[times0]",),
    ),
    Fault(
        "whispered-refusal",
        "a renewal that the registry refuses is a warning",
        {"chatixia.peer.tasks.renewal:LeaseRenewer._complain": always(None)},
        (
            "tests/peer/tasks/test_renewal.py::test_a_refusal_is_a_warning_once_and_an_absence_is_none",
        ),
    ),
    Fault(
        "waiting-for-the-lost",
        "an idempotent call by skill is asked elsewhere when who took it is lost or stops",
        {
            "chatixia.core.call:Calls._abandon": clinging,
            "chatixia.client.anyone:MOVE_ON": lambda original: original[:3],
        },
        (
            f"{ANYONE}::test_an_idempotent_call_does_not_wait_for_the_lost[auto-killed]",
            f"{ANYONE}::test_an_idempotent_call_does_not_wait_for_the_lost[auto-stopping]",
        ),
    ),
    Fault(
        "waiting-for-the-lost-in-the-queue",
        "so is one whose work the queue gave to who is lost",
        {
            "chatixia.peer.tasks.submitter:stranded": unaware,
        },
        (
            f"{ANYONE}::test_by_the_queue_alone_it_does_not_wait_for_the_lost_either",
            f"{KEYLESS}::test_an_idempotent_call_by_skill_leaves_an_agent_that_lost_its_task",
        ),
    ),
    Fault(
        "hasty-stop",
        "what ends within the grace of a stop is told",
        {"chatixia.peer.mesh:PeerMesh.drain": idle},
        (
            f"{STOP}::test_what_ends_within_the_grace_is_told[linked]",
            f"{STOP}::test_what_ends_within_the_grace_is_told[through_the_queue]",
        ),
    ),
    Fault(
        "stopped-without-a-word",
        "what a stop ends is unknown, and another may do it",
        {
            "chatixia.peer.sessions.dispatch:stopping": cancelled,
            "chatixia.peer.tasks.worker:QueueWorker._give_back": idle,
        },
        (
            f"{STOP}::test_what_does_not_end_is_unknown[linked]",
            f"{STOP}::test_what_does_not_end_is_unknown[through_the_queue]",
        ),
    ),
    Fault(
        "listed-to-the-end",
        "who stops is off the list before its work has ended",
        {"chatixia.registry.live.roster:Roster.leave": always(None)},
        (f"{LIVE}/test_roster.py::test_who_is_leaving_is_off_the_list_and_keeps_its_login",),
    ),
    Fault(
        "offended-by-a-sleeper",
        "who was forgotten while it slept starts a new session, and nobody is barred",
        {"chatixia.core.session:PeerSession.resume": unforgiving},
        (
            f"{SESSION}::test_who_has_forgotten_its_peer_waits_for_the_new_session",
            f"{MESH}::test_who_was_forgotten_while_it_slept_is_called_and_calls_directly[a]",
            f"{ACC}/test_suspended.py::test_a_client_that_slept_is_direct_again",
        ),
    ),
]
