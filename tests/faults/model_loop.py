"""Planted faults of the model's loop: what must not be lost, said or done twice."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always


async def _nothing(*args: Any, **kwargs: Any) -> None:
    return None


def idle(original: Any) -> Any:
    """Await nothing and do nothing."""
    return _nothing


def silent_about(kind: str) -> Any:
    """Tell of everything but ``kind``."""

    def patch(original: Any) -> Any:
        async def tell(self: Any, what: str, *rest: Any) -> None:
            if what != kind:
                await original(self, what, *rest)

        return tell

    return patch


def unstored(original: Any) -> Any:
    """Run a tool, and store its result with the next request only."""

    async def run_tool(self: Any, call: Any, again: bool) -> Any:
        journal, self._journal = (
            self._journal,
            type("Nowhere", (), {"keep": staticmethod(_nothing)}),
        )
        try:
            return await original(self, call, again)
        finally:
            self._journal = journal

    return run_tool


def by_the_sdk(original: Any) -> Any:
    """Let the provider's client try again by itself."""
    return lambda endpoint: original(endpoint) | {"max_retries": 2}


def as_the_provider_wrote(original: Any) -> Any:
    """Hand on what the provider wrote."""
    return lambda error, endpoint: str(error)


def as_it_was_raised(original: Any) -> Any:
    """Hand on what reading an answer raised."""
    return lambda title, error: error


def never_again(original: Any) -> Any:
    """Hold each failure for final."""

    def failure(error: Any, endpoint: Any) -> Any:
        ours = original(error, endpoint)
        ours.retryable = False
        return ours

    return failure


def shown_to_all(original: Any) -> Any:
    """Show what a tool is given and gives to whoever asked."""
    return lambda *args, **more: original(*args, **more | {"visible": True})


def impatient(original: Any) -> Any:
    """Take no notice of what the provider asked for."""

    def next_step(error: Any, *args: Any, **more: Any) -> Any:
        error.retry_after = 0.0
        return original(error, *args, **more)

    return next_step


LOOP = "tests/agent/model/library/test_loop.py"
HTTP = "tests/interop/test_model_failures.py"
RECEIVING = "tests/agent/model/library/test_receiving.py"

FAULTS = [
    Fault(
        "text-stays",
        "text of an answer that broke off is taken back before another comes",
        {"chatixia.agent.model.library.loop:LibraryRun._tell": silent_about("fallback")},
        (
            f"{HTTP}::test_a_provider_that_dies_after_a_token_is_followed_by_the_next",
            "tests/interop/test_aimock.py::test_a_provider_down_after_a_token",
        ),
    ),
    Fault(
        "result-unstored",
        "a tool's result is stored before anything else happens",
        {"chatixia.agent.model.library.record:RunRecord.run_tool": unstored},
        (
            f"{LOOP}::test_what_is_finished_is_stored_before_the_next_request",
            f"{LOOP}::test_a_killed_run_is_taken_up_and_repeats_nothing",
        ),
    ),
    Fault(
        "provider-unleft",
        "whoever leaves an answer closes the provider's stream",
        {"chatixia.agent.model.far_task:FarTask.cancel": idle},
        (
            f"{HTTP}::test_the_endpoint_sees_within_200_ms_that_its_asker_left",
            f"{LOOP}::test_a_run_that_is_left_closes_the_model_and_counts",
        ),
    ),
    Fault(
        "usage-uncounted",
        "each request counts, however it ends",
        {"chatixia.agent.model.library.receiving:Receiver._count": idle},
        (
            f"{LOOP}::test_a_run_that_is_left_closes_the_model_and_counts",
            f"{HTTP}::test_retry_after_is_waited_for",
        ),
    ),
    Fault(
        "sdk-retries",
        "each retry is ours, and an event",
        {"chatixia.agent.model.library.loop:settings_of": by_the_sdk},
        (f"{HTTP}::test_a_retry_after_beyond_the_deadline_goes_to_the_fallback",),
    ),
    Fault(
        "retry-at-once",
        "a provider is asked again when it said so, or another one is",
        {"chatixia.agent.model.library.loop:next_step": impatient},
        (f"{HTTP}::test_a_retry_after_beyond_the_deadline_goes_to_the_fallback",),
    ),
    Fault(
        "silence-unheard",
        "a provider that sends nothing is given up",
        {"chatixia.agent.model.library.watch:SilenceWatch.__aexit__": idle},
        ("tests/agent/model/library/test_watch.py::test_silence_before_and_after_the_first_byte",),
    ),
    Fault(
        "life-unseen",
        "each byte is a sign of life, whatever it says",
        {"chatixia.agent.model.library.watch:_follow": idle},
        ("tests/agent/model/library/test_watch.py::test_each_byte_counts_whatever_it_says",),
    ),
    Fault(
        "provider-quoted",
        "what a provider wrote goes no further",
        {"chatixia.agent.model.library.failures:_what": as_the_provider_wrote},
        (
            "tests/agent/model/library/test_failures.py::test_each_failure_has_a_sentence",
            f"{HTTP}::test_what_a_provider_writes_goes_no_further",
        ),
    ),
    Fault(
        "tools-shown",
        "who may not call a tool sees neither its arguments nor its result",
        {"chatixia.agent.model.library.toolset:tool_ended": shown_to_all},
        (
            "tests/agent/model/library/test_toolset.py::test_who_may_not_call_a_tool_sees_neither_arguments_nor_result",
        ),
    ),
    Fault(
        "value-unchecked",
        "an answer of a given form fits its schema",
        {"chatixia.agent.model.library.answer_schema:AnswerSchema.problem": always("")},
        (f"{LOOP}::test_a_value_is_checked_and_goes_back_until_it_fits",),
    ),
    Fault(
        "frames-break-the-run",
        "what is no answer at all is a failure of the model",
        {"chatixia.agent.model.library.failures:unreadable": as_it_was_raised},
        (f"{RECEIVING}::test_what_is_no_answer_at_all_is_a_failure_of_the_model",),
    ),
    Fault(
        "answers-without-end",
        "a response has a bound, and so have the calls in it",
        {
            "chatixia.agent.model.library.receiving:Receiver._check_size": always(None),
            "chatixia.agent.model.library.watch:SilenceWatch.receive": lambda original: (
                lambda self, data: self.alive()
            ),
        },
        (
            f"{RECEIVING}::test_an_answer_without_end_is_ended_here",
            f"{RECEIVING}::test_more_tools_at_once_than_anybody_needs_do_not_run",
            f"{RECEIVING}::test_more_bytes_than_a_response_may_have_end_it",
        ),
    ),
    Fault(
        "counts-believed",
        "what a provider says that it used counts only where that can be",
        {"chatixia.agent.model.library.accounts:_can_be": always(True)},
        ("tests/agent/model/library/test_accounts.py::test_a_count_that_cannot_be_is_none",),
    ),
    Fault(
        "window-unheeded",
        "no request is above the window",
        {"chatixia.agent.model.library.view:View.tokens": always(0)},
        (f"{LOOP}::test_a_request_above_the_window_is_not_made",),
    ),
    Fault(
        "calls-of-one-id",
        "each call of a conversation has an id of its own",
        {"chatixia.agent.model.library.record:RunRecord.distinguish": always(None)},
        (
            f"{RECEIVING}::test_calls_that_a_provider_counts_anew_are_told_apart",
            "tests/agent/model/library/test_record.py::test_a_call_has_an_id_of_its_own_in_the_whole_conversation",
        ),
    ),
    Fault(
        "frames-unforgiven",
        "what broke in mid-answer is asked for again",
        {"chatixia.agent.model.library.failures:_of_provider": never_again},
        (
            f"{RECEIVING}::test_a_provider_that_fails_in_mid_answer_is_asked_again",
            "tests/agent/model/library/test_failures.py::test_each_failure_has_a_sentence",
        ),
    ),
    Fault(
        "half-an-answer",
        "an answer that was cut off is none",
        {"chatixia.agent.model.library.failures:check_end": always(None)},
        (f"{HTTP}::test_an_answer_that_was_cut_off_is_none",),
    ),
]
