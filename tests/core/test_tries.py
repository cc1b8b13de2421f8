"""Several tries of one act: after an unknown one only an answer is definite."""

from __future__ import annotations

import pytest

from chatixia.core.tries import RetryHistory, may_repeat
from chatixia.errors import (
    Conflict,
    DeadlineExceeded,
    Denied,
    MeshError,
    Overloaded,
    RegistryUnreachable,
    SkillFailed,
)


def test_without_doubt_each_error_is_itself():
    tries = RetryHistory()
    for error in (Overloaded(), RegistryUnreachable(), Denied()):
        assert tries.failed(error) is error
        assert not tries.in_doubt


@pytest.mark.parametrize("later", [RegistryUnreachable(), Overloaded(), Denied(), Conflict()])
def test_no_later_error_makes_an_unknown_one_definite(later: MeshError):
    tries = RetryHistory()
    first = RegistryUnreachable("It broke off.", outcome="unknown", agent="w")
    assert tries.failed(first) is first and tries.in_doubt
    for _ in range(2):
        last = tries.failed(later)
        assert (last.code, last.outcome, last.message) == (first.code, "unknown", first.message)
        assert last.agent == "w" and last.__cause__ is later
    newer = DeadlineExceeded()
    assert tries.failed(newer) is newer


def test_what_the_skill_answered_at_a_later_try_is_said_with_the_doubt():
    tries = RetryHistory()
    tries.failed(DeadlineExceeded())
    last = tries.failed(SkillFailed("It broke."))
    assert (last.code, last.message, last.outcome) == ("skill_failed", "It broke.", "unknown")


def test_what_may_be_tried_again_under_the_same_key():
    again = (Overloaded(), DeadlineExceeded(outcome="definite"), Denied(outcome="unknown"))
    assert all(map(may_repeat, again))
    assert not any(map(may_repeat, (Denied(), Conflict(), RegistryUnreachable(retryable=False))))
