"""Planted faults of agents that think: what their askers see, and how a manifest describes them.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value
from .endings import idle

DISPATCH = "tests/peer/sessions/test_dispatch.py"
CHECK = "tests/assembly/run/test_manifest_check.py"
SERVICE = "tests/agent/model/test_service.py"
DESCRIBED = "tests/acceptance/test_described_agents.py"
RELOAD = "tests/assembly/run/test_reload.py"
EVENTS = "tests/wire/test_events.py"


def eventless(original: Any) -> Any:
    """An item goes without what the agent tells beside it."""
    return lambda served, n, item, table=(), event=b"": original(served, n, item, table)


def keeping_text(original: Any) -> Any:
    """What came before another model went on is part of the answer."""

    def event(self: Any, step: Any) -> None:
        text = [*self._text]
        original(self, step)
        self._text[:] = text

    return event


def first_wins(original: Any) -> Any:
    """What stands above all agents counts before what one says."""
    return lambda shared, own: {**own, **shared, "name": own["name"], "data_dir": "."}


def no_stop(original: Any) -> Any:
    """Nobody is stopped."""

    async def go_on(agents: Any) -> None:
        return None

    return go_on


def shown_to_all(original: Any) -> Any:
    """Whoever asks sees what a tool is given and gives."""
    return lambda *given, visible, **more: original(*given, visible=True, **more)


def without_files(original: Any) -> Any:
    """Only the words of a question reach the model."""
    return lambda parts: original([part for part in parts if isinstance(part, str)])


FAULTS: list[Fault] = [
    Fault(
        "files-left-out",
        "files go to the model with the question",
        {"chatixia.agent.model.library.messages:prompt": without_files},
        (f"{DESCRIBED}::test_files_go_with_a_question_and_the_answer_fits_a_schema",),
    ),
    Fault(
        "answer-unchecked",
        "an answer with a schema fits it",
        {"chatixia.agent.model.library.answer_schema:AnswerSchema.problem": always("")},
        (f"{DESCRIBED}::test_files_go_with_a_question_and_the_answer_fits_a_schema",),
    ),
    Fault(
        "events-lost",
        "events reach the asker in their place among the text",
        {"chatixia.core.exchange:chunk": eventless},
        (
            f"{DISPATCH}::test_events_come_in_their_place_among_the_items_in_any_weather",
            f"{DESCRIBED}::test_from_an_empty_folder_to_an_answer_that_used_anothers_skill",
        ),
    ),
    Fault(
        "events-whole",
        "an event has at most 4 KiB",
        {"chatixia.wire.events:MAX_EVENT": value(1 << 20)},
        (
            f"{EVENTS}::test_an_event_has_at_most_4_kib_and_says_that_it_was_clipped",
            f"{DISPATCH}::test_an_event_beyond_its_bound_is_not_taken",
        ),
    ),
    Fault(
        "events-shown-to-all",
        "arguments and results are shown only to those who may call that tool",
        {
            "chatixia.wire.events:tool_began": shown_to_all,
            "chatixia.wire.events:tool_ended": shown_to_all,
        },
        (f"{EVENTS}::test_who_may_not_call_a_tool_sees_neither_arguments_nor_result",),
    ),
    Fault(
        "ask-waits-on-silence",
        "an ask ends after 60 s without text or event",
        {"chatixia.client.ask:Ask.limit": lambda original: lambda self, timeout, silence: None},
        ("tests/client/test_ask.py::test_silence_ends_it_and_a_sign_of_life_does_not",),
    ),
    Fault(
        "taken-back-text-stays",
        "a partial answer is never reported as done",
        {"chatixia.cli.ask:AnswerPrinter._event": keeping_text},
        ("tests/cli/test_ask.py::test_what_another_model_takes_back_is_no_part_of_the_answer",),
    ),
    Fault(
        "mistakes-one-by-one",
        "validate names every mistake, each with its line",
        {
            "chatixia.agent.manifest:MAX_PROBLEMS": value(1),
            "chatixia.agent.manifest_text:ManifestText.line": always(0),
        },
        (
            f"{CHECK}::test_every_mistake_of_keys_and_values_is_named",
            f"{CHECK}::test_files_and_names_that_are_not_there_are_named",
        ),
    ),
    Fault(
        "names-unjudged",
        "what a manifest cannot name is a mistake with its line",
        {"chatixia.agent.manifest:misnamed": always(())},
        (
            "tests/agent/test_manifest_names.py::test_what_cannot_be_named_is_a_mistake_with_its_line",
        ),
    ),
    Fault(
        "variables-not-filled",
        "variables in a manifest are filled",
        {"chatixia.agent.placeholders:fill": lambda original: lambda text, environment: text},
        (
            "tests/agent/test_manifest_text.py::test_what_a_variable_holds_may_be_a_number",
            f"{DESCRIBED}::test_several_agents_of_one_file_and_a_skill_that_a_model_answers",
        ),
    ),
    Fault(
        "agents-in-one-folder",
        "agents of one file have a folder each",
        {
            "chatixia.agent.manifest_text:DATA_DIR": value("."),
            "chatixia.agent.manifest_text:_merged": first_wins,
        },
        ("tests/assembly/run/test_load.py::test_several_agents_of_one_manifest",),
    ),
    Fault(
        "reload-beside",
        "a new generation of agents starts when the one before has stopped",
        {"chatixia.assembly.run.running:_stop": no_stop},
        (f"{RELOAD}::test_each_generation_stops_before_the_next_starts",),
    ),
    Fault(
        "reload-old-modules",
        "a reload takes the helpers of an agent's file anew too",
        {"chatixia.assembly.run.reload:FreshStart.restore": lambda original: lambda self: None},
        (f"{RELOAD}::test_what_cannot_be_loaded_is_told_and_the_next_change_is_taken",),
    ),
    Fault(
        "preview-for-all",
        "an agent's instructions are shown only to whom its owner named",
        {"chatixia.agent.model.service:all_named": always(True)},
        (
            f"{SERVICE}::test_instructions_are_shown_to_whom_the_owner_named",
            f"{SERVICE}::test_no_path_through_another_lifts_that",
        ),
    ),
    Fault(
        "handlers-go-on",
        "who asks and leaves ends the work: the provider's stream is closed",
        {"chatixia.agent.model.far_task:FarTask.cancel": idle},
        (f"{DESCRIBED}::test_ctrl_c_closes_the_stream_of_the_provider",),
    ),
    Fault(
        "task-events-unseen",
        "who watches a task sees the events of its agent",
        {"chatixia.cli.events:EventPrinter.show": always(None)},
        ("tests/cli/test_tasks.py::test_following_shows_the_events_of_its_agent",),
    ),
]
