"""Planted faults of what a model may do and spend. Loaded as ``faults.py`` is."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, first_given, value

OBEDIENT = "tests/acceptance/test_obedient.py"
SERVICE = "tests/agent/model/test_service.py"
BUDGET = "tests/agent/model/test_budget.py"


def believing_the_last(original: Any) -> Any:
    """Let the caller alone count, whoever asked it."""
    return lambda path, via, callers: original(path[-1:], via, callers)


def believing_the_registry(original: Any) -> Any:
    """Take the queue's word for who asks."""
    return original | {"queue, plain", "registry, plain"}


def uncounted(original: Any) -> Any:
    """Count a request only when it has ended."""

    async def before(self: Any, estimate_tokens: int, provider: str) -> None:
        return None

    return before


def forgetting(original: Any) -> Any:
    """Take back what a request was estimated at, whatever it used."""

    async def after(self: Any, usage: Any) -> None:
        await original(self, type(usage)())

    return after


def unmarked(original: Any) -> Any:
    """Carry a path on as if a link had proved it."""
    return lambda path, via: path


def with_the_request(original: Any) -> Any:
    """Let the request stand among the instructions."""
    return lambda self, task: original(self, task) + task.text


def in_its_words(original: Any) -> Any:
    """Let the asker hear what an error says."""

    def failure(agent: str, skill: str, error: BaseException) -> Any:
        told = original(agent, skill, error)
        told.message = str(error)
        return told

    return failure


def in_one_piece(original: Any) -> Any:
    """Ask, and hear of nothing but the answer."""

    async def answer(make: Any, *rest: Any) -> Any:
        return await make().reply()

    return answer


def plain_names(original: Any) -> Any:
    """Write an agent and its skill side by side."""
    return lambda skill, agent="": f"{agent}_{skill}"[:64].strip("_").replace(".", "_")


FAULTS: list[Fault] = [
    Fault(
        "all-tools-for-all",
        "a model is offered, and runs, what the whole path of its asker may cause",
        {"chatixia.agent.model.toolbox:AgentToolbox._allowed": always(True)},
        (
            f"{OBEDIENT}::test_the_table",
            "tests/agent/model/test_toolbox.py::test_what_a_path_may_not_cause_is_neither_offered_nor_run",
        ),
    ),
    Fault(
        "the-caller-alone",
        "each id on the path must be named",
        {"chatixia.agent.model.toolbox:all_named": believing_the_last},
        (f"{OBEDIENT}::test_the_table",),
    ),
    Fault(
        "the-queue-is-proof",
        "what no link proved is nobody's",
        {"chatixia.core.callers:PROVED": believing_the_registry},
        (
            f"{OBEDIENT}::test_the_table[itself]",
            f"{OBEDIENT}::test_the_path_is_complete",
            "tests/core/test_callers.py::test_what_no_link_proved_is_nobodys",
        ),
    ),
    Fault(
        "unmarked-path",
        "what no link proved stays so from hop to hop",
        {"chatixia.agent.context:carried": unmarked},
        (f"{OBEDIENT}::test_the_path_is_complete",),
    ),
    Fault(
        "own-skills-by-the-mesh",
        "a model reaches its agent's skills by their own names alone",
        {"chatixia.agent.model.mesh_tools:MeshTool._refuse_self": always(None)},
        (
            f"{OBEDIENT}::test_nothing_that_is_not_offered_is_reached_by_a_way_around",
            "tests/agent/model/test_mesh_tools.py::test_wrong_arguments_go_back_to_the_model",
        ),
    ),
    Fault(
        "one-conversation-for-all",
        "a conversation is its asker's own",
        {"chatixia.agent.model.service:proved_caller": always("laptop~abcdef")},
        (
            f"{OBEDIENT}::test_no_other_askers_conversation_is_read",
            f"{SERVICE}::test_a_session_goes_on_for_each_client_of_a_machine_and_for_nobody_else",
        ),
    ),
    Fault(
        "obeyed-text",
        "nothing that others say enters the instructions",
        {"chatixia.agent.model.service:ModelService._instructions": with_the_request},
        (f"{OBEDIENT}::test_nothing_that_others_say_enters_the_instructions",),
    ),
    Fault(
        "nameless-text",
        "what comes from others keeps the name of its sender",
        {"chatixia.agent.model.service:with_origin": first_given},
        (
            f"{OBEDIENT}::test_what_it_reads_keeps_the_name_of_its_sender",
            f"{SERVICE}::test_instructions_are_the_owners_and_a_request_says_where_it_comes_from",
        ),
    ),
    Fault(
        "words-of-the-provider",
        "no key and no words of a provider leave",
        {"chatixia.agent.runtime:failure": in_its_words},
        (
            f"{OBEDIENT}::test_no_key_no_environment_and_no_words_of_a_provider_leave",
            f"{SERVICE}::test_what_the_engine_raises_is_one_error_without_its_words",
        ),
    ),
    Fault(
        "no-budget",
        "a spent budget stops the next request",
        {"chatixia.agent.model.budget:RunBudget.before": uncounted},
        (
            f"{OBEDIENT}::test_no_text_lifts_a_budget",
            f"{SERVICE}::test_a_budget_that_is_spent_ends_the_run",
            f"{BUDGET}::test_what_a_kill_or_a_dead_stream_leaves_is_counted_by_estimate",
        ),
    ),
    Fault(
        "unsettled-budget",
        "a budget counts what was used",
        {"chatixia.agent.model.budget:RunBudget.after": forgetting},
        (
            f"{BUDGET}::test_each_limit_of_each_scope",
            f"{BUDGET}::test_n_at_once_exceed_a_budget_by_n_requests_at_most",
        ),
    ),
    Fault(
        "unbounded-runs",
        "as many runs at once as there are slots",
        {"chatixia.agent.model.run_queue:RunQueue._grant": lambda original: granting},
        (
            f"{SERVICE}::test_two_hundred_asks_on_eight_slots_and_none_is_lost",
            "tests/agent/model/test_run_queue.py::test_two_hundred_at_once_and_at_most_eight_run",
            "tests/acceptance/test_model_capacity.py::test_at_most_eight_run_and_none_is_lost",
        ),
    ),
    Fault(
        "every-slot-for-one",
        "who is not named leaves slots for others",
        {"chatixia.agent.model.run_queue:RunQueue._may_run": always(True)},
        ("tests/agent/model/test_run_queue.py::test_who_is_not_named_leaves_slots_for_others",),
    ),
    Fault(
        "whole-results",
        "a tool's result has at most 16 KiB",
        {"chatixia.agent.model.toolbox:clipped": first_given},
        ("tests/agent/model/test_toolbox.py::test_a_long_result_is_clipped_and_says_so",),
    ),
    Fault(
        "results-without-share",
        "what a model asks for at once leaves the next request below the window",
        {"chatixia.agent.model.toolbox:RESULTS": value(50.0)},
        (
            "tests/agent/model/test_toolbox.py::test_the_results_of_one_response_leave_the_next_request_below_the_window",
        ),
    ),
    Fault(
        "delegates-unseen",
        "who asks sees what an agent does that work was delegated to",
        {"chatixia.agent.model.mesh_tools:answer_of": in_one_piece},
        (
            "tests/agent/model/test_delegating.py::test_the_asker_of_an_agent_sees_what_the_next_one_does",
        ),
    ),
    Fault(
        "delegates-mixed-up",
        "what another agent tells is marked as its own, and takes nothing back here",
        {"chatixia.agent.model.delegating:passed_on": lambda original: lambda event, *rest: event},
        (
            "tests/agent/model/test_delegating.py::test_the_asker_of_an_agent_sees_what_the_next_one_does",
            "tests/agent/model/test_delegating.py::test_what_it_took_back_is_not_in_its_answer",
        ),
    ),
    Fault(
        "cure-for-the-wrong-machine",
        "what a model lacks is said of the machine that lacks it",
        {
            "chatixia.agent.model.service:ModelService._without_model": lambda original: (
                lambda self, error: error
            )
        },
        (
            f"{SERVICE}::test_an_agent_without_a_model_says_what_it_lacks_and_where",
            "tests/assembly/test_model.py::test_without_a_key_it_runs_and_who_asks_hears_what_is_missing",
        ),
    ),
    Fault(
        "no-mesh-for-models",
        "a model finds and calls the skills of the mesh",
        {"chatixia.agent.model.service:mesh_tools": always([])},
        (
            "tests/acceptance/test_examples.py::test_questions_about_documents_on_many_agents",
            "tests/testing/test_scripted.py::test_three_agents_with_tools",
        ),
    ),
    Fault(
        "forgetful-models",
        "a conversation goes on where it was left",
        {
            "chatixia.agent.model.conversations:ConversationRun.history": lambda original: property(
                lambda self: []
            )
        },
        (
            "tests/acceptance/test_examples.py::test_a_room_of_chatting_agents",
            f"{SERVICE}::test_a_session_goes_on_for_each_client_of_a_machine_and_for_nobody_else",
        ),
    ),
    Fault(
        "names-that-meet",
        "two skills never have one tool name",
        {"chatixia.core.tool_names:tool_name": plain_names},
        ("tests/core/test_tool_names.py::test_two_skills_never_have_one_name",),
    ),
    Fault(
        "side-by-side-without-end",
        "calls of one run are side by side within a limit",
        {"chatixia.agent.model.toolbox:SIDE_BY_SIDE": value(1_000)},
        ("tests/agent/model/test_toolbox.py::test_side_by_side_within_a_limit",),
    ),
]


def granting(queue: Any) -> None:
    """Let all that wait run."""
    while len(queue._ready):
        turn = queue._ready.popleft()
        queue.running += 1
        turn.granted.set_result(None)
