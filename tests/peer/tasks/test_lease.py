"""A task in hand, and what is remembered of those that were lost."""

import gc
import weakref

import msgspec
import pytest

from chatixia.errors import SkillFailed
from chatixia.peer.tasks.lease import HeldTask, Outcome, Outcomes, QueueResponder, newer
from chatixia.testing.clock import FakeWorld
from chatixia.wire import tasks as t
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack


@pytest.mark.parametrize(
    ("fence", "than", "is_"),
    [
        ("0.2", "0.1", True),
        ("0.10", "0.9", True),
        ("1.1", "0.9", True),
        ("0.1", "0.1", False),
        ("0.1", "0.2", False),
        ("x", "0.2", True),
        ("x", "x", False),
    ],
)
def test_newer(fence, than, is_):
    assert newer(fence, than) is is_


class Desk:
    """Where a responder tells progress."""

    def __init__(self):
        self.world, self.said = FakeWorld(), []

    async def verb(self, name, request, timeout=10.0):
        self.said.append(request)

    def spawn(self, work):
        with pytest.raises(StopIteration):
            work.send(None)


def responder():
    desk, lease = Desk(), HeldTask(t.Task("t1", "assigned"), "0.1", 30.0, 0.0)
    return desk, lease, QueueResponder(lease, desk, desk.world, desk.world, desk.spawn)


def test_the_first_answer_counts_and_is_told_under_the_present_fence():
    _, lease, made = responder()
    made.reply(b"1")
    made.reply(b"2")
    made.fail(SkillFailed())
    lease.fence = "0.3"
    name, said = made.report()
    assert (name, said.fence, bytes(said.result.plain)) == ("tasks.complete", "0.3", b"1")


def test_what_was_answered_is_freed_without_a_collection():
    """With what its task holds: a worker under load made a collection for each few hundred."""
    desk, lease, made = responder()
    made.reply(b"1")
    left = weakref.ref(made)
    gc.disable()
    try:
        del made
        assert left() is None
    finally:
        gc.enable()


def test_without_an_answer_it_was_cancelled():
    name, said = responder()[2].report()
    assert (name, said.error.code) == ("tasks.fail", "canceled")


async def test_progress_and_items_are_numbered_and_progress_is_rare():
    desk, _, made = responder()
    made.progress(0.1, "")
    made.progress(0.2, "")
    await made.item(b"7")
    made.progress(0.3, "")
    desk.world.advance(0.3)
    made.progress(1.0, "")
    made.reply(b"1")
    desk.world.advance(0.3)  # the answer says it all
    made.progress(1.0, "")
    assert [(said.n, said.fraction) for said in desk.said] == [(0, 0.1), (1, None), (2, 0.3)]


async def test_an_event_goes_to_those_who_watch_in_its_place():
    desk, _, made = responder()
    await made.item(b'"a"')
    await made.item(EMPTY_ITEM, event=pack(AgentEvent("thinking")))
    first, second = desk.said
    assert first.event is msgspec.UNSET
    assert (second.n, bytes(second.item), bytes(second.event)) == (1, b'""', b'{"kind":"thinking"}')


def test_outcomes_are_bounded_in_number_and_bytes():
    kept = Outcomes(most=3, size=10)
    for n in range(4):
        kept.keep(f"t{n}", Outcome(1))
    assert kept.get("t0") is None and kept.get("t1") == Outcome(1)
    kept.keep("t2", Outcome(1, b"x" * 6))
    kept.keep("t2", Outcome(2, b"x" * 6))  # the same again takes no more room
    kept.keep("t9", Outcome(1, b"x" * 4))
    assert kept.get("t2") and kept.get("t9")
    kept.keep("big", Outcome(1, b"x" * 11))
    assert [kept.get(name) for name in ("t2", "t9", "big")] == [None] * 3
    kept.drop("none")
    kept.keep("t1", Outcome(1, b"x" * 10))
    assert kept.get("t1")
