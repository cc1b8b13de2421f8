"""Three retries, each later than the one before; a long wait is the fallback's turn."""

from __future__ import annotations

import pytest

from chatixia.agent.model.retries import Step, next_step
from chatixia.errors import ModelFailed


def step(
    error: ModelFailed,
    tries: int = 0,
    left: float = 60,
    *,
    fallback: bool = False,
    streamed: bool = False,
) -> Step:
    return next_step(error, tries, left, fallback=fallback, streamed=streamed, jitter=0.0)


LATER = ModelFailed(retryable=True)


def test_three_retries_each_later():
    waits = [step(LATER, tries) for tries in range(4)]
    assert waits == [Step("retry", 0.5), Step("retry", 1.0), Step("retry", 2.0), Step("fail")]


def test_what_cannot_help_is_not_repeated():
    assert step(ModelFailed(retryable=False)) == Step("fail")
    assert step(ModelFailed(retryable=False), fallback=True) == Step("fallback")


def test_retry_after_is_kept_to():
    assert step(ModelFailed(retryable=True, retry_after=7.0)) == Step("retry", 7.0)


@pytest.mark.parametrize("left", [5.0, 7.0])
def test_a_retry_after_beyond_the_deadline_goes_to_the_fallback(left: float):
    late = ModelFailed(retryable=True, retry_after=7.0)
    assert step(late, left=left, fallback=True) == Step("fallback")
    assert step(late, left=left) == Step("fail")


def test_a_long_wait_goes_to_the_fallback_and_is_waited_for_without_one():
    long = ModelFailed(retryable=True, retry_after=31.0)
    assert step(long, fallback=True) == Step("fallback")
    assert step(long) == Step("retry", 31.0)


def test_once_a_part_has_reached_the_asker_the_next_model_is_asked_at_once():
    assert step(LATER, fallback=True, streamed=True) == Step("fallback")
    assert step(LATER, streamed=True) == Step("retry", 0.5)
