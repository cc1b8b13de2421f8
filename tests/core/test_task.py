"""The task's table walked whole, and the decisions around it."""

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import task
from chatixia.core.ports import Principal
from chatixia.errors import BadRequest, Cancelled, Conflict, StaleFence, WireError
from chatixia.wire.tasks import MAX_DELIVERIES, STATES, TERMINAL, State, Submit

CASES = list(itertools.product(get_args(State), get_args(task.Event)))


def test_the_walk_meets_every_pair():
    assert len(CASES) == len(STATES) * len(get_args(task.Event))
    assert set(task.TRANSITIONS) <= set(CASES)


@pytest.mark.parametrize(("state", "event"), CASES)
def test_every_pair_leads_on_or_is_refused(state: State, event: task.Event):
    wanted = task.TRANSITIONS.get((state, event))
    if wanted is not None:
        assert task.step(state, event) == wanted
        assert wanted.to in STATES
        return
    with pytest.raises((Cancelled, StaleFence, Conflict)) as refused:
        task.step(state, event)
    by_holder = event in task.BY_HOLDER
    kind = (Cancelled if state == "canceled" else StaleFence) if by_holder else Conflict
    assert type(refused.value) is kind


def test_a_refusal_reads_as_english():
    assert task.refusal("failed", "cancel").message == (
        "The task has failed, so it cannot be canceled."
    )
    for state, event in CASES:
        if (state, event) not in task.TRANSITIONS:
            assert "cannot cancel" not in task.refusal(state, event).message


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_terminal_states_never_change(state: State):
    assert not [event for s, event in task.TRANSITIONS if s == state]
    assert task.is_terminal(state)


def test_every_state_is_reached_and_left():
    reached = {step.to for step in task.TRANSITIONS.values()}
    left = {state for state, _ in task.TRANSITIONS}
    assert reached == set(STATES)
    assert left == set(STATES) - TERMINAL


def test_whoever_loses_a_task_is_fenced_off():
    """A change that takes the task from its holder raises the fence; the holder's own ends do not,
    so that a repeat of them is still recognised."""
    for (state, event), step in task.TRANSITIONS.items():
        ends_by_holder = event in {"complete", "fail", "reject"}
        stays = step.to == "assigned" and state == "assigned"
        assert step.raises == (not ends_by_holder and not stays and event != "answer"), event


# --- fences


def test_fences_compare_by_generation_then_number():
    texts = [task.fence_text(g, n) for g, n in [(1, 9), (1, 10), (2, 1), (10, 0)]]
    assert sorted(texts, key=task.fence_key) == texts


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_a_fence_survives_its_text(generation: int, n: int):
    text = task.fence_text(generation, n)
    assert task.fence_key(text) == (generation, n)


@pytest.mark.parametrize(
    "text", ["", ".", "1", "1.", ".1", "1.-1", "a.b", "1.2.3", "١.١", "1" * 60]
)
def test_what_is_no_fence_is_refused(text: str):
    with pytest.raises(BadRequest):
        task.fence_key(text)


# --- tries


def tries(attempt=1, most=3, deliveries=1, started=True, deadline=1000.0) -> task.AttemptCounts:
    return task.AttemptCounts(attempt, most, deliveries, started, deadline)


BROKEN = WireError("skill_failed", "it broke", retryable=True)


def test_a_retryable_failure_waits_and_is_tried_again():
    verdict = task.after_failure(tries(), BROKEN, 100.0, 0.0)
    assert verdict.event == "retry"
    assert 100.0 < verdict.run_after <= 101.0


def test_a_failure_that_is_not_retryable_is_final_with_its_own_error():
    error = WireError("skill_failed", "no")
    assert task.after_failure(tries(), error, 0.0, 0.5) == task.RetryDecision("fail", error=error)


@pytest.mark.parametrize("code", sorted(task.REFUSALS))
def test_a_refusal_before_the_start_is_rejected(code: str):
    assert task.after_failure(tries(), WireError(code), 0.0, 0.5).event == "reject"


def test_the_last_attempt_is_a_dead_letter():
    verdict = task.after_failure(tries(attempt=3), BROKEN, 0.0, 0.5)
    assert verdict.event == "fail"
    assert verdict.error and verdict.error.code == "attempts_exhausted"
    assert "skill_failed" in verdict.error.message


def test_a_task_that_may_be_tried_once_keeps_its_own_error():
    verdict = task.after_failure(tries(most=1), BROKEN, 0.0, 0.5)
    assert verdict == task.RetryDecision("fail", error=BROKEN)


def test_no_retry_is_planned_for_after_the_deadline():
    assert task.after_failure(tries(deadline=0.4), BROKEN, 0.0, 0.0).event == "fail"


def test_a_lost_lease_counts_as_an_attempt():
    assert task.after_loss(tries(), 0.0, 0.5).event == "lose"
    last = task.after_loss(tries(attempt=3), 0.0, 0.5)
    assert last.event == "exhaust"
    assert last.error and last.error.outcome == "unknown"  # the skill may have done its work


def test_an_unstarted_task_comes_back_at_once_and_no_attempt_counts():
    verdict = task.after_loss(tries(attempt=0, started=False), 50.0, 0.5)
    assert verdict == task.RetryDecision("return", 50.0)
    assert task.TRANSITIONS["assigned", "return"].attempt == -1


def test_what_was_sent_to_a_process_that_is_gone_counts_as_begun():
    """The word of its start may have died with it."""
    once = task.after_departure(tries(attempt=0, most=1, started=False), 50.0, 0.5)
    assert once.event == "exhaust"
    assert once.error and (once.error.code, once.error.outcome) == ("attempts_exhausted", "unknown")
    again = task.after_departure(tries(attempt=0, started=False), 50.0, 0.5)
    assert again == task.RetryDecision("lose", 50.0)
    last = task.after_departure(tries(attempt=2, started=False), 50.0, 0.5)
    assert last.event == "exhaust"
    assert last.error and last.error.message.startswith("The task was tried 3 times;")
    for begun in (tries(), tries(attempt=3)):
        assert task.after_departure(begun, 50.0, 0.5) == task.after_loss(begun, 50.0, 0.5)


def test_deliveries_that_end_after_a_try_say_nothing_definite():
    spent = tries(attempt=1, most=9, deliveries=MAX_DELIVERIES, started=False)
    for verdict in (task.after_return(spent, 0.0), task.after_departure(spent, 0.0, 0.5)):
        assert verdict.event == "exhaust"
        assert verdict.error and verdict.error.outcome == "unknown"


def test_twenty_deliveries_are_enough():
    waits = [task.after_return(tries(deliveries=n), 0.0) for n in range(1, MAX_DELIVERIES)]
    assert {w.event for w in waits} == {"return"}
    assert [w.run_after for w in waits] == sorted(w.run_after for w in waits)
    never = tries(attempt=0, deliveries=MAX_DELIVERIES, started=False)
    last = task.after_return(never, 0.0)
    assert last.event == "exhaust"
    assert last.error and last.error.outcome == "definite"


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_and_are_bounded(attempt: int, jitter: float):
    pause = task.pause(attempt, jitter)
    assert 0 < pause <= task.RETRY_MOST
    assert pause <= task.pause(attempt + 1, jitter)


def test_why_a_task_was_canceled_is_its_error():
    assert task.cancelled(" ") == task.RetryDecision("cancel")
    error = task.cancelled("x" * 1024).error
    assert error is not None and error.code == "canceled"
    assert len(error.message) == 1024 and error.message.startswith("The task was canceled: xxx")


GONE = task.RemovedParties(frozenset({"pi"}), frozenset({"pi", "sensor"}))


@pytest.mark.parametrize(
    ("source", "machine", "target", "worker", "event", "code"),
    [
        ("pi~aaaaaa", "pi", "", "", "cancel", "revoked"),
        ("sensor", "", "bob", "bob", "cancel", "revoked"),
        ("sensor", "pi", "sensor", "", "cancel", "revoked"),
        ("alice", "lab", "sensor", "", "expire", "unknown_agent"),
        ("alice", "lab", "sensor", "sensor", "expire", "unknown_agent"),
        ("alice", "lab", "", "sensor", "lose", ""),
        ("alice", "lab", "bob", "bob", "", ""),
        ("alice", "sensor", "", "", "", ""),
    ],
)
def test_what_becomes_of_the_work_of_who_is_out(
    source: str, machine: str, target: str, worker: str, event: str, code: str
):
    concern = task.TaskParties("default", source, machine, target, worker)
    for times in (0, 1) if not worker else (1,):
        tries = task.AttemptCounts(times, 3, times, bool(times), 100.0)
        state: State = "assigned" if worker else "pending"
        found = task.after_removal(concern, state, tries, GONE, 10.0, 0.5)
        assert (found.event if found else "") == event
        error = found.error if found else None
        assert (error.code if error else "") == code
        assert error is None or error.outcome == ("unknown" if times else "definite")


def test_expiry_is_definite_only_if_nobody_had_it():
    assert task.expired(0).outcome == "definite"
    assert task.expired(1).outcome == "unknown"


# --- order


HEADS = st.lists(
    st.builds(task.QueueHead, st.integers(-100, 100), st.integers(1, 10**6)), max_size=8
)


@given(HEADS, st.integers(0, 64))
def test_the_choice_is_priority_then_age_and_every_sixteenth_the_oldest(heads, claims):
    best = task.choose(heads, claims)
    if not heads:
        assert best is None
        return
    assert best is not None
    if claims % 16 == 15:
        assert best.n == min(head.n for head in heads)
    else:
        assert best.priority == max(head.priority for head in heads)
        assert best.n == min(head.n for head in heads if head.priority == best.priority)


def test_submitters_take_turns():
    """One that submits a hundred does not stand before one that submits later."""
    served, last = 0, None
    many = []
    for _ in range(100):
        last = task.turn(last, served)
        many.append(last)
    assert many == list(range(100))
    served = 7
    assert task.turn(None, served) == 7
    assert task.turn(3, served) == 7


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_nobody_waits_for_more_than_one_turn_of_each_other(submits: list[str]):
    places: dict[str, int] = {}
    tasks = []
    for n, who in enumerate(submits):
        places[who] = task.turn(places.get(who), 0)
        tasks.append((places[who], n, who))
    order = [who for _, _, who in sorted(tasks)]
    for who in set(submits):
        for i in range(order.count(who)):
            before = order[: [k for k, w in enumerate(order) if w == who][i]]
            assert all(before.count(other) <= i + 1 for other in set(before) - {who})


def test_a_target_has_a_queue_of_its_own():
    assert task.queue_name("echo", "") == "echo"
    assert task.queue_name("echo", "bob") == task.queue_name("", "bob") == "@bob"


# --- rights and sameness


MINE = task.TaskParties("default", "pi~aaaaaa", "pi", "bob", "bob")


@pytest.mark.parametrize(
    ("who", "read", "end"),
    [
        (Principal("pi~aaaaaa", "client", machine="pi"), True, True),
        (Principal("pi~bbbbbb", "client", machine="pi"), True, True),
        (Principal("pi", "machine", machine="pi"), True, True),
        (Principal("bob", "agent", machine="lab"), True, False),
        (Principal("eve", "agent", machine="pi"), False, False),
        (Principal("lab~aaaaaa", "client", machine="lab"), False, False),
        (Principal("home", "owner"), True, True),
        (Principal("ann", "person", role="viewer"), True, False),
        (Principal("ann", "person", role="operator"), True, True),
        (Principal("home", "owner", ns="other"), False, False),
        (Principal("ann", "person", role="admin", ns="other"), False, False),
    ],
)
def test_rights(who: Principal, read: bool, end: bool):
    assert task.may_read(who, MINE) is read
    assert task.may_end(who, MINE) is end


def test_a_client_keeps_its_scope_over_processes_and_shares_it_with_nobody():
    first = task.scope("default", "pi~aaaaaa", "tasks.submit", "k")
    assert first == task.scope("default", "pi~bbbbbb", "tasks.submit", "k")
    others = [
        task.scope("default", "pi", "tasks.submit", "k"),
        task.scope("other", "pi~aaaaaa", "tasks.submit", "k"),
        task.scope("default", "pi~aaaaaa", "tasks.claim", "k"),
        task.scope("default", "pi~aaaaaa", "tasks.submit", "k2"),
        task.scope("default", "lab~aaaaaa", "tasks.submit", "k"),
    ]
    assert len({first, *others}) == 6


def test_sameness_is_of_what_was_asked_not_of_the_try():
    said = Submit(id="t_a", skill="echo", key="k", deadline_ms=5000, traceparent="x")
    again = Submit(id="t_b", skill="echo", key="k", deadline_ms=4000, traceparent="y")
    assert task.sameness(said, b"1") == task.sameness(again, b"1")
    for other in (
        Submit(skill="echo2"),
        Submit(skill="echo", target_agent_id="bob"),
        Submit(skill="echo", priority=1),
        Submit(skill="echo", idempotent=True),
        Submit(skill="echo", path=["a"]),
    ):
        assert task.sameness(other, b"1") != task.sameness(said, b"1")
    assert task.sameness(said, b"2") != task.sameness(said, b"1")
    sealed = Submit(skill="echo", digest="hmac")
    assert task.sameness(sealed, b"1") == task.sameness(sealed, b"2")
