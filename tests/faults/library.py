"""Faults in what a developer meets: the Python API, its types, its tests in memory."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value

ACC = "tests/acceptance"
RUNTIME = "tests/agent/test_runtime.py"


def one_more_name(original: Any) -> Any:
    """Offer a name that no type checker knows."""
    return {**original, "Desk": "agent.prompts"}


def innermost(original: Any) -> Any:
    """Read how a skill runs from what ``functools.wraps`` points to."""
    from inspect import unwrap

    return lambda fn: original(unwrap(fn))


def any_loop(original: Any) -> Any:
    """Notice no other loop."""

    class Everywhere(original):  # type: ignore[misc]
        foreign = False

        def guard(self, call: Any) -> Any:
            return call

    return Everywhere


def unended(original: Any) -> Any:
    """Let an agent's loop end without a word."""

    async def silent(self: Any) -> None:
        return None

    return silent


def as_it_is(original: Any) -> Any:
    """Give back what is given."""
    return lambda it: it


def always_itself(original: Any) -> Any:
    """Count no work."""
    return lambda self, handler: handler


def unpaced(original: Any) -> Any:
    """Tell every step at once."""
    return lambda self, *step: self._send(*step)


def not_as_work(original: Any) -> Any:
    """Make the fake clock hold this timer for as long as a skill is at work."""
    return lambda self, delay, callback, work=False, frame=False: original(
        self, delay, callback, False, frame
    )


def deaf(original: Any) -> Any:
    """Let a stir do nothing while the clock waits for work."""

    def stir(self: Any) -> None:
        if self._slow_since is None:
            original(self)

    return stir


def certain(original: Any) -> Any:
    """Forget that a call of the skill's own raised an error."""

    def failure(agent: str, skill: str, error: Any) -> Any:
        error.by_call = False
        return original(agent, skill, error)

    return failure


def unbound(original: Any) -> Any:
    """Put nothing of the context into a call."""
    return lambda self, outgoing: outgoing


def always_str(original: Any) -> Any:
    """Note a folder as if every name were text."""
    return str


AGENT = "tests/assembly/test_agent.py"

FAULTS: list[Fault] = [
    Fault(
        "link-that-cannot-break",
        "a test in memory may break a link",
        {"chatixia.testing.network:Network.cut": always(None)},
        (
            f"{ACC}/test_guide.py::test_its_tests_pass",
            "tests/testing/test_meshes.py::test_a_link_that_is_cut_leaves_the_queue",
        ),
    ),
    Fault(
        "deaf-clock",
        "the fake clock keeps nobody waiting who has ended its work",
        {"chatixia.testing.clock:FakeWorld.stir": deaf},
        ("tests/testing/test_clock.py::test_whoever_ends_its_work_is_not_kept_waiting",),
    ),
    Fault(
        "work-overtaken",
        "a skill's own sleep ends no lease on the fake clock",
        {"chatixia.testing.works:Works.watched": always_itself},
        ("tests/testing/test_meshes.py::test_a_queued_skills_sleep_ends_no_lease",),
    ),
    Fault(
        "progress-goes-nowhere",
        "progress reaches whoever asked to hear of it",
        {"chatixia.core.exchange:advanced": always([])},
        ("tests/peer/test_mesh.py::test_a_call_hears_its_progress_over_the_link",),
    ),
    Fault(
        "progress-without-pace",
        "progress is told five times a second at most",
        {"chatixia.peer.sessions.steps:ProgressPacer.step": unpaced},
        (
            "tests/peer/sessions/test_steps.py::test_the_first_step_goes_at_once_and_the_newest_follows",
        ),
    ),
    Fault(
        "progress-held-by-the-clock",
        "progress comes at its pace on the fake clock too",
        {"chatixia.testing.clock:FakeWorld.later": not_as_work},
        ("tests/testing/test_meshes.py::test_progress_keeps_its_pace_while_a_skill_sleeps",),
    ),
    Fault(
        "text-in-silence",
        "a value that goes as text for want of a schema is told",
        {"chatixia.cli.call:warn_untyped": always(None)},
        ("tests/cli/test_tasks.py::test_what_went_as_text_for_want_of_a_schema_is_told",),
    ),
    Fault(
        "whole-way-back",
        "an error of connect_sync shows the caller's lines alone",
        {"chatixia.client.bridge:trimmed": as_it_is},
        (
            "tests/client/test_bridge.py::test_an_error_shows_the_callers_lines_alone",
            "tests/client/test_sync.py::test_an_error_is_a_few_lines",
        ),
    ),
    Fault(
        "name-without-its-type",
        "what type checkers see of the package is what there is",
        {"chatixia:_PUBLIC": one_more_name},
        ("tests/test_public.py::test_what_type_checkers_see_is_what_there_is",),
    ),
    Fault(
        "runs-as-the-innermost",
        "how a skill runs is read from the outermost callable",
        {"chatixia.agent.signature:kind_of": innermost},
        ("tests/agent/test_bind.py::test_how_a_skill_runs_is_read_from_what_is_called",),
    ),
    Fault(
        "author-unheard",
        "what a skill's author raised is heard with its class",
        {"chatixia.agent.failing:_by_its_author": as_it_is},
        (
            "tests/agent/test_failing.py::test_what_the_author_raises_is_heard_by_class_and_message",
            f"{ACC}/test_guide.py::test_the_guide_runs_as_it_is_printed",
        ),
    ),
    Fault(
        "model-unseen",
        "a model of pydantic is validated and described by itself",
        {"chatixia.agent.hooks:is_model": always(False)},
        (f"{ACC}/test_guide.py::test_its_pydantic_model_is_validated_by_pydantic",),
    ),
    Fault(
        "any-loop",
        "a mesh used from another loop than its own says so before anything is sent",
        {"chatixia.client.affinity:LoopAffinity": any_loop},
        (
            "tests/client/test_affinity.py::test_every_door_names_the_loop_and_the_cure",
            "tests/assembly/test_agent.py::test_another_loop_neither_starts_nor_stops_it",
        ),
    ),
    Fault(
        "own-loop-blocked",
        "who would block the loop that has to answer gets an error at once",
        {"chatixia.client.affinity:refuse_blocking": always(None)},
        ("tests/client/test_sync.py::test_an_agent_of_this_very_loop_is_refused_at_once",),
    ),
    Fault(
        "call-without-its-context",
        "calls carry the path, the trace and the deadline of their context",
        {"chatixia.client.call_context:CallContext._bind": unbound},
        (
            "tests/client/test_call_context.py::test_what_is_true_of_a_gateways_calls_is_data",
            "tests/agent/test_context.py::test_a_mesh_within_a_time_is_still_the_requests",
        ),
    ),
    Fault(
        "failed-call-definite",
        "a skill whose own call failed does not look as if nothing had happened",
        {"chatixia.agent.failing:failure": certain},
        (f"{RUNTIME}::test_a_failed_call_of_the_skills_own_does_not_say_that_nothing_happened",),
    ),
    Fault(
        "left-running",
        "a program that ends without `agent.stop()` hears one sentence, and its agent says goodbye",
        {"chatixia.assembly.run.loop_end:LoopEnd._end": unended},
        ("tests/assembly/run/test_loop_end.py::test_a_program_that_ends_without_a_stop",),
    ),
    Fault(
        "all-log-in-at-once",
        "of many agents that start in one process, each has its turn to log in",
        {"chatixia.peer.control.login_turns:LOGINS_AT_ONCE": value(100_000)},
        ("tests/peer/control/test_login_turns.py::test_so_many_at_once_and_each_in_its_turn",),
    ),
    Fault(
        "partial-seen-through",
        "what a partial fills in is no argument, whatever it points to",
        {"chatixia.agent.signature:is_partial": always(False)},
        ("tests/agent/test_bind.py::test_rare_callables[partial]",),
    ),
    Fault(
        "keys-unread",
        "the keys of an unpacked dict are arguments",
        {"chatixia.agent.signature:_unpacked": always([])},
        ("tests/agent/test_bind.py::test_the_keys_of_an_unpacked_dict_are_arguments",),
    ),
    Fault(
        "builtins-alone",
        "relatives of builtin types are written as those",
        {"chatixia.client.value:_PLAIN": value(())},
        ("tests/client/test_value.py::test_relatives_of_builtin_types_are_written_as_those",),
    ),
    Fault(
        "folders-of-text-alone",
        "a folder is noted whatever its name",
        {"chatixia.assembly.membership.agent_folder:_text": always_str},
        (
            "tests/assembly/membership/test_agent_folder.py::test_a_folder_whose_name_is_no_text_is_noted",
        ),
    ),
    Fault(
        "lock-of-nobody",
        "a start that is cancelled leaves nothing behind",
        {"chatixia.assembly.wiring:LEFT_S": value(0)},
        (f"{AGENT}::test_a_cancelled_start_waits_for_the_thread_that_holds_its_lock",),
    ),
]
