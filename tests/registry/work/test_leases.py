"""Seats and leases: who takes work, what a closed socket means, what is told to whom."""

import pytest

from chatixia.core import task as core
from chatixia.errors import StaleFence
from chatixia.ids import AgentId
from chatixia.registry.work import leases as module
from chatixia.wire import tasks as t
from chatixia.wire.signaling import TaskHint, TaskPush
from tests.store.control.kit import ALICE, BOB, CAROL, OWNER, agent
from tests.until import until

from .desk import Desk, done


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The five seconds of absence pass in the loop's own time."""
    monkeypatch.setattr(module.core, "UNSTARTED", 0.2)


async def away(desk: Desk) -> None:
    """Until no absence is timed any more."""
    # upkeep is one
    await until(lambda: not desk.tasks.leases._away and len(desk.tasks._background) <= 1, 10)


@pytest.fixture
async def working(desk: Desk) -> tuple[Desk, TaskPush]:
    desk.online(BOB)
    await desk.submit(ALICE)
    push = await desk.pushed(BOB)
    await desk.tasks.started(BOB, t.Held(push.task.id, push.fence))
    return desk, push


async def test_a_closed_socket_ends_leases_after_its_time(working: tuple[Desk, TaskPush]):
    desk, push = working
    desk.tasks.offline(BOB.id, BOB.incarnation)
    assert await desk.state(OWNER, push.task.id) == "assigned"
    await away(desk)
    assert await desk.state(OWNER, push.task.id) == "pending"
    desk.online(CAROL)
    await desk.later(5.0)
    assert (await desk.pushed(CAROL)).task.id == push.task.id


async def test_the_same_process_that_returns_keeps_them(working: tuple[Desk, TaskPush]):
    desk, push = working
    desk.tasks.offline(BOB.id, BOB.incarnation)
    desk.online(BOB, epoch="1.2")
    await away(desk)
    assert await desk.state(OWNER, push.task.id) == "assigned"
    await desk.tasks.complete(BOB, done(push))


async def test_a_renewal_counts_as_a_return(working: tuple[Desk, TaskPush]):
    desk, push = working
    desk.tasks.offline(BOB.id, BOB.incarnation)
    held = t.Held(push.task.id, push.fence)
    assert (await desk.tasks.renew(BOB, t.Renew([held]))).leases[0].lease_ms == t.LEASE_MS
    await away(desk)
    assert await desk.state(OWNER, push.task.id) == "assigned"


async def test_another_process_of_the_name_does_not_save_the_old_ones_leases(
    working: tuple[Desk, TaskPush],
):
    desk, push = working
    fresh = agent("bob", "f" * 16)
    desk.online(fresh, epoch="1.2")
    await away(desk)
    assert await desk.state(OWNER, push.task.id) == "pending"
    desk.tasks.offline(BOB.id, BOB.incarnation)  # the old socket's end comes late
    assert desk.tasks.leases.workers["bob"].incarnation == fresh.incarnation
    await away(desk)


async def test_silence_ends_no_lease_before_its_time(working: tuple[Desk, TaskPush]):
    """A loop that is blocked answers no ping, and renews from beside it, every ten seconds."""
    desk, push = working
    desk.tasks.offline(BOB.id, BOB.incarnation, silent=True)
    await away(desk)
    await desk.later(core.LEASE - 1)
    assert await desk.state(OWNER, push.task.id) == "assigned"
    renewal = await desk.tasks.renew(BOB, t.Renew([t.Held(push.task.id, push.fence)]))
    assert renewal.leases[0].lease_ms == t.LEASE_MS
    await desk.later(core.LEASE - 1)
    assert await desk.state(OWNER, push.task.id) == "assigned"
    await desk.later(2)
    assert await desk.state(OWNER, push.task.id) == "pending"


async def test_a_new_process_of_one_that_fell_silent_ends_its_leases(
    working: tuple[Desk, TaskPush],
):
    desk, push = working
    desk.tasks.offline(BOB.id, BOB.incarnation, silent=True)
    desk.online(agent("bob", "f" * 16), epoch="1.2")
    await away(desk)
    assert await desk.state(OWNER, push.task.id) == "pending"


async def test_those_that_fell_silent_are_remembered_within_a_bound(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MOST_SILENT", 2)
    for n in range(5):
        desk.tasks.offline(AgentId(f"a{n}"), "f" * 16, silent=True)
    assert list(desk.tasks.leases._silent) == ["a3", "a4"]


@pytest.mark.parametrize("successor", [False, True])
async def test_what_was_sent_to_a_process_that_died_is_not_given_out_again(
    desk: Desk, successor: bool
):
    """It may have begun the task, and died before it said so; its time to start is over first."""
    desk.online(BOB)
    name = await desk.submit(ALICE, max_attempts=1)
    await desk.pushed(BOB)
    if successor:
        desk.online(agent("bob", "f" * 16), epoch="1.2")
    else:
        desk.tasks.offline(BOB.id, BOB.incarnation)
    await desk.later(core.UNSTARTED + 0.1)
    assert await desk.state(OWNER, name) == "assigned"
    await away(desk)
    task = await desk.tasks.get(OWNER, t.Ref(name))
    assert task.error
    end = (task.state, task.error.code, task.error.outcome)
    assert end == ("failed", "attempts_exhausted", "unknown")
    assert not list(desk.tasks.leases.away())


async def test_what_was_sent_before_a_goodbye_goes_to_another(desk: Desk):
    desk.online(BOB)
    name = await desk.submit(ALICE, max_attempts=1)
    await desk.pushed(BOB)
    desk.tasks.offline(BOB.id, BOB.incarnation, clean=True)
    await away(desk)
    assert await desk.state(OWNER, name) == "pending"


async def test_who_returns_while_its_end_is_written_is_not_away_for_ever(
    working: tuple[Desk, TaskPush],
):
    desk, _ = working
    desk.tasks.offline(BOB.id, BOB.incarnation)
    desk.tasks.lost(BOB.id, BOB.incarnation)
    desk.online(BOB, epoch="1.2")
    await away(desk)
    assert not list(desk.tasks.leases.away())


async def test_a_goodbye_ends_them_at_once(working: tuple[Desk, TaskPush]):
    desk, push = working
    desk.tasks.offline(BOB.id, BOB.incarnation, clean=True)
    await away(desk)
    assert await desk.state(OWNER, push.task.id) == "pending"


async def test_the_holder_of_a_canceled_task_is_told_to_stop(working: tuple[Desk, TaskPush]):
    desk, push = working
    await desk.tasks.cancel(ALICE, t.Cancel(push.task.id, "enough"))
    [hint] = await desk.sockets.wait("bob", TaskHint)
    why = "The task was canceled: enough"
    assert hint == TaskHint(push.task.id, "canceled", push.fence, why)
    assert not desk.tasks.leases.holds("bob", "default", push.task.id, push.fence)


async def test_pushes_go_to_the_login_that_got_the_seat(desk: Desk):
    desk.online(BOB, epoch="1.7")
    await desk.submit(ALICE)
    await desk.pushed(BOB)
    assert [(who, epoch) for who, epoch, m in desk.sockets.sent if isinstance(m, TaskPush)] == [
        ("bob", "1.7")
    ]


async def test_no_slots_no_work_and_more_slots_more_work(desk: Desk):
    desk.online(BOB, slots=0)
    for _ in range(3):
        await desk.submit(ALICE)
    assert desk.sockets.to("bob", TaskPush) == []
    desk.online(BOB, slots=2)
    await desk.pushed(BOB, 2)
    assert len(desk.sockets.to("bob", TaskPush)) == 2


async def test_marks_of_tasks_that_ended_are_not_written(working: tuple[Desk, TaskPush]):
    desk, push = working
    await desk.tasks.complete(BOB, done(push))
    assert desk.tasks.leases.take_marks() == []
    desk.tasks.leases.put_back([(push.task.id, 1)])
    assert desk.tasks.leases.take_marks() == []


async def test_after_a_restart_leases_are_known_and_full(desk: Desk):
    desk.online(BOB)
    name = await desk.submit(ALICE)
    push = await desk.pushed(BOB)
    await desk.tasks.started(BOB, t.Held(name, push.fence))
    await desk.restart()
    assert desk.tasks.leases.holds("bob", "default", name, push.fence)
    await desk.later(core.LEASE - 1)
    assert await desk.state(OWNER, name) == "assigned"
    await desk.tasks.complete(BOB, done(push))
    assert await desk.state(OWNER, name) == "completed"


async def test_what_was_given_out_and_never_pushed_is_pushed_after_a_restart(desk: Desk):
    """The registry died between the commit of a submit and its answer."""
    desk.online(BOB)
    first = await desk.submit(ALICE, max_attempts=1, idempotent=True)
    second = await desk.submit(ALICE, max_attempts=1)
    ended = await desk.submit(ALICE, max_attempts=1)
    await desk.tasks.complete(BOB, done(await desk.pushed(BOB, 3)))
    await desk.restart()
    desk.sockets.sent.clear()
    desk.online(agent("bob", "f" * 16), epoch="2.1")  # another process has nothing of it
    desk.online(BOB, epoch="2.2")
    await desk.pushed(BOB, 2)
    desk.online(BOB, "echo", "more", epoch="2.2")
    await desk.store.leases.poke()
    pushed = {push.task.id: push for push in desk.sockets.to(BOB.id, TaskPush)}
    assert set(pushed) == {first, second} and ended not in pushed
    assert len(desk.sockets.to(BOB.id, TaskPush)) == 2
    assert {epoch for _, epoch, _ in desk.sockets.sent} == {"2.2"}
    assert pushed[first].task.scope and not pushed[second].task.scope
    assert bytes(pushed[first].task.payload.plain) == b'{"data":"hello"}'  # type: ignore[arg-type]
    await desk.tasks.complete(BOB, done(pushed[first]))
    assert await desk.state(OWNER, first) == "completed"


async def test_what_has_no_time_left_is_not_taken_up(desk: Desk):
    """Also before the sweep, so that a late worker does not begin it."""
    desk.online(BOB)
    await desk.submit(ALICE, deadline_ms=3000)
    push = await desk.pushed(BOB)
    desk.world.advance(3.1)
    with pytest.raises(StaleFence):
        await desk.tasks.started(BOB, t.Held(push.task.id, push.fence))
