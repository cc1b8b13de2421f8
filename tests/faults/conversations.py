"""Faults in what a model's conversations keep, and in what a chat shows of them.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, first_given

ACC = "tests/acceptance"
KEPT = "tests/agent/model/test_conversations.py"
COMPACT = "tests/agent/model/test_compact.py"
TABLES = "tests/store/local/test_conversations.py"
STORE = "tests/store/local/test_agent_store.py"
CHATTING = "test_chatting.py"
CHAT = "tests/cli/test_chat.py"


def unkept(original: Any) -> Any:
    """Go on before anything is stored, and store nothing."""

    async def keep(self: Any, messages: Any) -> None:
        return None

    return keep


def unsaid(original: Any) -> Any:
    """Take words for a run, and tell the model none."""
    return lambda self: []


def everywhere(original: Any) -> Any:
    """Let a turn begin at every message."""
    return lambda shapes: list(range(len(shapes)))


def on_the_loop(original: Any) -> Any:
    """Do the store's work where it is asked for."""

    async def run(self: Any, work: Any, *args: Any, **kwargs: Any) -> Any:
        with self._mutex:
            self._waiting += 1
        return self._work(work, args, kwargs)

    return run


def growing(original: Any) -> Any:
    """Make no room."""
    return lambda db, conversation: None


def clipped_errors(original: Any) -> Any:
    """Show of an error what fits in a line."""

    def error(self: Any, text: str) -> None:
        self.line(f"error  {text}", whole=False)

    return error


FAULTS: list[Fault] = [
    Fault(
        "run-unkept",
        "each finished response and tool result is stored before the next request",
        {"chatixia.agent.model.conversations:ConversationRun.keep": unkept},
        (
            f"{ACC}/test_resumed.py::test_killed_at_each_of_ten_tools_it_repeats_no_call_of_the_model",
            f"{ACC}/test_resumed.py::test_killed_in_each_answer_of_the_model_it_repeats_no_tool",
            f"{ACC}/test_resumed.py::test_a_conversation_goes_on_after_a_kill_and_knows_what_was_done",
            f"{KEPT}::test_a_run_that_was_killed_goes_on_without_its_prompt",
        ),
    ),
    Fault(
        "early-words-lost",
        "what was said first stays in every request",
        {"chatixia.agent.model.compact:extend": first_given},
        (
            f"{ACC}/test_resumed.py::test_what_was_told_in_turn_3_is_in_the_request_of_turn_400",
            f"{KEPT}::test_400_turns_stay_below_the_window_and_know_turn_3",
            f"{COMPACT}::test_a_fact_told_in_turn_3_is_in_the_request_of_turn_400",
        ),
    ),
    Fault(
        "turns-torn",
        "no tool call is parted from its result, and the last turns stay whole",
        {"chatixia.agent.model.compact:turn_starts": everywhere},
        (f"{COMPACT}::test_a_conversation_cut_at_any_request_stays_whole_and_below",),
    ),
    Fault(
        "one-owner",
        "no other asker's conversation is read",
        {"chatixia.agent.model.conversations:owner_of": always("all")},
        (
            f"{KEPT}::test_a_machine_and_an_agent_of_its_name_are_two",
            f"{KEPT}::test_a_run_sees_those_before_it",
        ),
    ),
    Fault(
        "unknown-untold",
        "of a call whose outcome nobody knows the next run is told so",
        {"chatixia.agent.model.conversations:unknown_results": always(None)},
        (f"{KEPT}::test_what_nobody_knows_the_outcome_of_is_said_to_the_next_run",),
    ),
    Fault(
        "store-on-the-loop",
        "conversations are kept by a thread of their own, with a bound on what waits",
        {"chatixia.store.local.agent_store:AgentStore._run": on_the_loop},
        (f"{STORE}::test_the_work_is_done_in_one_thread_in_the_order_of_asking",),
    ),
    Fault(
        "conversations-unbounded",
        "an agent's conversations have a bound, and those unused for longest go",
        {"chatixia.store.local.conversations:_make_room": growing},
        (f"{TABLES}::test_the_conversations_unused_for_longest_make_room",),
    ),
    Fault(
        "steering-lost",
        "a word typed meanwhile reaches the run that is under way",
        {"chatixia.agent.model.conversations:ConversationRun.steering": unsaid},
        (
            f"{ACC}/{CHATTING}::test_a_word_meanwhile_reaches_the_run_and_the_screen_is_what_was_said",
            f"{KEPT}::test_a_word_meanwhile_goes_to_the_run_that_is_under_way",
        ),
    ),
    Fault(
        "cells-miscounted",
        "nothing wraps wrongly in a chat, also where a character takes two cells",
        {"chatixia.cli.wrapping:cells": lambda original: len},
        (
            "tests/cli/test_wrapping.py::test_words_stay_whole_where_they_fit",
            "tests/cli/test_wrapping.py::test_a_line_is_clipped_by_its_cells",
        ),
    ),
    Fault(
        "error-clipped",
        "no error is hidden by a chat's width",
        {"chatixia.cli.chat_screen:ChatScreen.error": clipped_errors},
        (
            f"{CHAT}::test_the_final_screen_is_the_transcript",
            "tests/cli/test_chat_screen.py::test_an_error_is_told_whole",
        ),
    ),
]
