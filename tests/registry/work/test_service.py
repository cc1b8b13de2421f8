"""The task verbs, from submit to the push of the result."""

import asyncio

import msgspec
import pytest

from chatixia.core.ports import Principal
from chatixia.errors import (
    Cancelled,
    Denied,
    NotFound,
    StaleFence,
    TooLarge,
    UnknownAgent,
    Unprocessable,
    WireError,
)
from chatixia.ids import AgentId
from chatixia.store.control.rows import KeyRow
from chatixia.wire import tasks as t
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack
from chatixia.wire.signaling import TaskDone, TaskHint, TaskProgress, TaskPush
from chatixia.wire.verbs import TABLE
from tests.store.control.kit import ALICE, BOB, CAROL, OWNER, client, task_id
from tests.until import until

from .desk import PLAIN, Desk, done

WATCHER = Principal(AgentId("ann"), "person", role="operator", epoch="1.9")
CURL = Principal(AgentId("curl"), "key", trust="unverified")


def test_every_task_verb_has_its_handler(desk: Desk):
    names = {verb.name for verb in TABLE if verb.name.startswith("tasks.")}
    assert set(desk.tasks.handlers) | set(desk.described.handlers) == names


async def test_a_cycle(desk: Desk):
    desk.online(BOB)
    name = await desk.submit(ALICE, target_agent_id="bob")
    push = await desk.pushed(BOB)
    assert (push.task.id, push.attempt, push.lease_ms) == (name, 1, t.LEASE_MS)
    assert bytes(push.task.payload.plain) == b'{"data":"hello"}'  # type: ignore[arg-type]
    await desk.tasks.started(BOB, t.Held(name, push.fence))
    assert await desk.tasks.complete(BOB, done(push, b"42")) == t.Ended(name, "completed")
    [told] = await desk.sockets.wait("alice", TaskDone)
    assert bytes(told.task.result.plain) == b"42"  # type: ignore[union-attr,arg-type]
    assert (told.task.state, told.task.attempt) == ("completed", 1)


async def test_the_reply_to_submit_is_about_the_row(desk: Desk):
    said = t.Submit(id=task_id(1), skill="echo", payload=PLAIN, key="k")
    assert await desk.tasks.submit(ALICE, said) == t.Submitted(task_id(1))
    again = await desk.tasks.submit(ALICE, msgspec.structs.replace(said, id=task_id(2)))
    assert again == t.Submitted(task_id(1), "pending", duplicate=True)
    drawn = await desk.tasks.submit(ALICE, t.Submit(skill="echo"))
    assert len(drawn.task_id) == 28


async def test_the_submitter_is_who_calls_whatever_it_says(desk: Desk):
    name = await desk.submit(ALICE, source_agent_id="carol")
    assert (await desk.tasks.get(OWNER, t.Ref(name))).source_agent_id == "alice"


async def test_a_target_that_nobody_is_is_refused(desk: Desk):
    with pytest.raises(UnknownAgent):
        await desk.submit(ALICE, target_agent_id="nobody")
    await desk.submit(ALICE, target_agent_id="carol")  # a member that is away
    await desk.store.keys.put(KeyRow("id1", "default", "curl", b"h" * 32))
    await desk.submit(ALICE, target_agent_id="curl")


async def test_an_unstarted_push_goes_to_another(desk: Desk):
    desk.online(BOB, slots=1)
    name = await desk.submit(ALICE)
    push = await desk.pushed(BOB)
    desk.online(BOB, slots=0)
    desk.online(CAROL)
    await desk.later(5.1)
    other = await desk.pushed(CAROL)
    assert (other.task.id, other.attempt, other.task.deliveries) == (name, 1, 2)
    with pytest.raises(StaleFence):
        await desk.tasks.complete(BOB, done(push))
    [hint] = await desk.sockets.wait("bob", TaskHint)
    assert hint.state == "pending"


async def test_a_started_task_is_not_taken_back(desk: Desk):
    desk.online(BOB)
    name = await desk.submit(ALICE)
    push = await desk.pushed(BOB)
    await desk.tasks.started(BOB, t.Held(name, push.fence))
    await desk.later(6.0)
    assert await desk.state(OWNER, name) == "assigned"


async def test_progress_is_pushed_to_watchers_and_shown_but_never_stored(desk: Desk):
    desk.online(BOB)
    name = await desk.submit(ALICE)
    push = await desk.pushed(BOB)
    await desk.tasks.progress(BOB, t.Report(name, push.fence, 0, 0.5, "half"))
    row = await desk.tasks.watch(WATCHER, t.Watch(name))
    assert (row.progress, row.note) == (0.5, "half")
    item = msgspec.Raw(b'"word"')
    await desk.tasks.progress(BOB, t.Report(name, push.fence, 1, item=item))
    heard = desk.sockets.to("ann", TaskProgress)
    assert [(m.n, m.fraction) for m in heard] == [(0, 0.5), (1, None)]
    assert bytes(heard[1].item) == b'"word"'  # type: ignore[arg-type]
    event = msgspec.Raw(pack(AgentEvent("thinking")))
    told = t.Report(name, push.fence, 2, item=msgspec.Raw(EMPTY_ITEM), event=event)
    await desk.tasks.progress(BOB, told)
    assert desk.sockets.to("ann", TaskProgress)[2].event == event
    await desk.tasks.complete(BOB, done(push))
    [end] = await desk.sockets.wait("ann", TaskDone)
    assert end.task.state == "completed"
    assert b"half" not in b"".join(path.read_bytes() for path in desk.folder.iterdir())


async def test_progress_counts_only_from_the_holder(desk: Desk):
    desk.online(BOB)
    name = await desk.submit(ALICE)
    push = await desk.pushed(BOB)
    with pytest.raises(StaleFence):
        await desk.tasks.progress(CAROL, t.Report(name, push.fence, 0))
    await desk.tasks.cancel(ALICE, t.Cancel(name))
    with pytest.raises(Cancelled):
        await desk.tasks.progress(BOB, t.Report(name, push.fence, 0))


async def test_a_watch_on_what_has_ended_is_just_the_row(desk: Desk):
    name = await desk.submit(ALICE)
    await desk.tasks.cancel(ALICE, t.Cancel(name))
    assert (await desk.tasks.watch(WATCHER, t.Watch(name))).state == "canceled"
    assert desk.tasks._watches._of_task == {}


async def test_a_watcher_hears_that_a_task_went_back_and_ends_with_its_socket(desk: Desk):
    name = await desk.submit(ALICE)
    await desk.tasks.watch(WATCHER, t.Watch(name))
    [grant] = (await desk.tasks.claim(BOB, t.Claim("c1", skills=["echo"]))).grants
    await desk.tasks.release(BOB, t.Held(name, grant.fence))
    [hint] = await desk.sockets.wait("ann", TaskHint)
    assert hint.state == "pending"
    desk.tasks.login_ended(WATCHER.id, WATCHER.epoch)
    await desk.tasks.cancel(ALICE, t.Cancel(name))
    await desk.sockets.wait("alice", TaskDone)
    assert desk.sockets.to("ann", TaskDone) == []


async def test_only_who_it_concerns_reads_a_task(desk: Desk):
    name = await desk.submit(client("pi~aaaaaa"), target_agent_id="bob")
    for who in (client("pi~bbbbbb"), BOB, OWNER, WATCHER):
        assert (await desk.tasks.get(who, t.Ref(name))).id == name
    for verb in (desk.tasks.get, desk.tasks.watch):
        with pytest.raises(Denied):
            await verb(CAROL, t.Watch(name))  # type: ignore[arg-type]
    assert (await desk.tasks.page(CAROL, t.Query())).tasks == []
    with pytest.raises(NotFound):
        await desk.tasks.get(OWNER, t.Ref(task_id(99)))


async def test_lists(desk: Desk):
    names = [await desk.submit(ALICE) for _ in range(3)]
    page = await desk.tasks.page(OWNER, t.Query(limit=2))
    assert [task.id for task in page.tasks] == names[:0:-1]
    assert page.counts == {"pending": 3}
    assert page.cursor == await desk.store.events.cursor()
    rest = await desk.tasks.page(OWNER, t.Query(limit=2, cursor=page.next))
    assert [task.id for task in rest.tasks] == names[:1]
    with pytest.raises(Unprocessable):
        await desk.tasks.page(OWNER, t.Query(state="banana"))


async def test_a_claim_is_of_the_skills_that_the_login_declared(desk: Desk):
    name = await desk.submit(ALICE)
    desk.online(BOB, "other", slots=0)
    assert (await desk.tasks.claim(BOB, t.Claim("c1", skills=["echo"]))).grants == []
    desk.online(BOB, "echo", slots=0)
    [grant] = (await desk.tasks.claim(BOB, t.Claim("c2"))).grants
    assert grant.task.id == name


async def test_a_failure_is_tried_again_and_then_told(desk: Desk):
    desk.online(BOB)
    name = await desk.submit(ALICE, max_attempts=2)
    error = WireError("skill_failed", "x" * 5000, retryable=True)
    for attempt in (1, 2):
        push = await desk.pushed(BOB, attempt)
        assert push.attempt == attempt
        await desk.tasks.fail(BOB, t.Fail(name, push.fence, error))
        await desk.later(2.0)
    [told] = await desk.sockets.wait("alice", TaskDone)
    assert told.task.error
    assert told.task.error.code == "attempts_exhausted"


async def test_bodies_are_bounded_and_plain(desk: Desk):
    large = msgspec.Raw(b'"' + b"x" * t.MAX_PAYLOAD + b'"')
    with pytest.raises(TooLarge):
        await desk.submit(ALICE, payload=large)
    with pytest.raises(Unprocessable):
        await desk.submit(ALICE, payload=msgspec.Raw(b'{"sealed":"x"}'))
    desk.online(BOB)
    await desk.submit(ALICE)
    push = await desk.pushed(BOB)
    with pytest.raises(TooLarge):
        await desk.tasks.complete(BOB, done(push, bytes(large)))
    await desk.tasks.complete(BOB, done(push))


async def test_a_described_agent_polls_and_reports(desk: Desk):
    name = await desk.submit(ALICE)
    [task] = await desk.tasks.claim_by_poll(CURL, ["echo"])
    assert (task.id, task.state) == (name, "assigned")
    with pytest.raises(Unprocessable):
        await desk.tasks.update(CURL, t.Update("banana", name))
    with pytest.raises(Denied):
        await desk.tasks.update(CAROL, t.Update("completed", name))
    await desk.tasks.update(CURL, t.Update("completed", name, msgspec.Raw(b'"sunny"')))
    assert bytes((await desk.tasks.get(OWNER, t.Ref(name))).result.plain) == b'"sunny"'  # type: ignore[union-attr,arg-type]


async def test_nothing_is_written_when_nothing_is_due(desk: Desk):
    await desk.tasks.sweep()
    wal = desk.folder / "registry.db-wal"
    before = wal.stat().st_mtime_ns
    for _ in range(3):
        await desk.tasks.sweep()
    assert wal.stat().st_mtime_ns == before


async def test_the_sweeper_runs_by_itself(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    name = await desk.submit(ALICE, ttl=10.0)
    desk.world.advance(11.0)
    [told] = await desk.sockets.wait("alice", TaskDone)
    assert (told.task.id, told.task.state) == (name, "failed")
    assert told.task.error
    assert told.task.error.code == "expired"


async def test_many_at_once_are_each_done_once(desk: Desk):
    """Sixty-four in flight over two workers: every result its own, nothing twice."""
    for who in (BOB, CAROL):
        desk.online(who, slots=8)
    names = await asyncio.gather(
        *(
            desk.tasks.submit(
                ALICE,
                t.Submit(
                    id=task_id(1000 + n), skill="echo", payload=msgspec.Raw(b'{"plain":%d}' % n)
                ),
            )
            for n in range(64)
        )
    )
    finished = 0
    while finished < 64:
        pushes = [(w, m) for w, _, m in desk.sockets.sent if isinstance(m, TaskPush)][finished:]
        for worker, push in pushes:
            who = BOB if worker == "bob" else CAROL
            await desk.tasks.complete(who, done(push, bytes(push.task.payload.plain)))  # type: ignore[arg-type]
            finished += 1
    told = await desk.sockets.wait("alice", TaskDone, 64)
    results = {m.task.id: int(bytes(m.task.result.plain)) for m in told}  # type: ignore[union-attr,arg-type]
    assert results == {names[n].task_id: n for n in range(64)}
    assert len(desk.sockets.to("bob", TaskPush)) + len(desk.sockets.to("carol", TaskPush)) == 64


async def test_after_standing_still_what_was_sent_is_read_before_time_is_judged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """A registry that was stopped for 6 s has the worker's word in its socket, still unread."""
    seen: list[object] = []
    stood_still = desk.tasks._stood_still

    async def sweep() -> None:
        seen.append("sweep")

    def judge(waited: float) -> bool:
        seen.append(stood_still(waited))
        return bool(seen[-1])

    monkeypatch.setattr(desk.tasks, "sweep", sweep)
    monkeypatch.setattr(desk.tasks, "_stood_still", judge)
    desk.world.advance(6.0)
    await until(lambda: True in seen and seen[-1] == "sweep")
    late = seen.index(True)
    assert seen[late + 1 : late + 3] == [False, "sweep"]
