"""One request that comes by link and by queue runs once, in a network in memory with a queue."""

import asyncio
import functools
from contextlib import asynccontextmanager

import pytest

from chatixia.core import task as core
from chatixia.core.exchange import ServedRequest
from chatixia.core.ports import Incoming, Outgoing
from chatixia.errors import DeadlineExceeded, SkillFailed, Unreachable
from chatixia.peer.tasks import dedup
from chatixia.peer.tasks.lease import HeldTask, QueueResponder
from chatixia.testing.clock import FakeWorld
from chatixia.testing.network import Network
from chatixia.wire import messages as m
from chatixia.wire import tasks as t
from chatixia.wire.base import encode
from chatixia.wire.peer import SkillInfo
from chatixia.wire.signaling import TaskDone, TaskHint, TaskPush
from tests.peer.meshes import two
from tests.until import turns, until


class Hub:
    """The queue of a registry for the asker a and the worker b. ``held``: it gives out nothing."""

    def __init__(self, net):
        self.net, self.said, self.held, self.fence = net, [], False, 0
        self.directory = {}
        for name, node in net.nodes.items():
            self.directory[name] = node.registry.verb
            node.registry.verb = functools.partial(self.verb, name)

    async def verb(self, who, name, request, timeout=10.0):
        if not name.startswith("tasks."):
            return await self.directory[who](name, request, timeout)
        await asyncio.sleep(0)
        try:
            return self.answer(who, name, request)
        finally:
            self.said.append(name)

    def answer(self, who, name, request):
        if name == "tasks.submit":
            self.submit(who, request)
            return t.Submitted(request.id)
        if name in ("tasks.complete", "tasks.fail"):
            self.end(request)
        if name == "tasks.renew":
            return t.Renewed([t.Renewal(held.task_id, t.LEASE_MS) for held in request.leases])
        return self.task

    def submit(self, who, said):
        scope = core.scope("default", who, "tasks.submit", said.key).hex()
        self.task = t.Task(
            said.id,
            "assigned",
            said.skill,
            said.target_agent_id,
            who,
            t.Body(plain=b'{"x":1}'),
            deadline_ms=said.deadline_ms,
            idempotent=said.idempotent,
            scope=scope if said.idempotent else "",
        )
        if not self.held:
            self.give()

    def give(self, attempt=1):
        self.fence += 1
        b = self.net.nodes["b"]
        self.task.updated_at = b._me.clock.now()
        b._pushed(TaskPush(self.task, t.LEASE_MS, f"0.{self.fence}", attempt))

    def end(self, said):
        failed = isinstance(said, t.Fail)
        self.task.state = "failed" if failed else "completed"
        if failed:
            self.task.error = said.error
        else:
            self.task.result = said.result
        self.net.nodes["a"]._pushed(TaskDone(self.task))


class Skill:
    """A skill that ends when told; ``starts`` and ``ends`` are counted."""

    def __init__(self):
        self.starts, self.ends, self.stopped, self.error = 0, 0, [], None
        self.go = asyncio.Event()

    async def __call__(self, incoming, responder):
        if incoming.skill == "free":
            responder.reply(b'"free"')
            return
        self.starts += 1
        n = self.starts
        try:
            if incoming.stream:
                await responder.item(b"0")
            await self.go.wait()
        except asyncio.CancelledError as stopped:
            self.stopped.append(stopped.args)
            raise
        self.ends += 1
        if self.error is not None:
            raise self.error
        responder.reply(b'"run %d"' % n)


class Pair:
    """Asker a, worker b, the queue between them, and a call that was cut."""

    def __init__(self, net):
        self.net, self.skill = net, Skill()
        for name in ("a", "b"):
            net.node(name).serve(self.skill, [SkillInfo("slow"), SkillInfo("free")], 8)
        self.a, self.b = net.nodes["a"], net.nodes["b"]
        self.hub = Hub(net)

    def call(self, skill="slow", **kw):
        self.out = Outgoing("b", skill, b'{"x":1}', **{"timeout": 90.0, "idempotent": True, **kw})
        return asyncio.ensure_future(self.a.call(self.out))

    async def begun(self, **kw):
        """A call whose skill runs, moved to the queue."""
        call = self.call(**kw)
        await turns(lambda: self.skill.starts)
        self.cut()
        return call

    def cut(self):
        self.net.cut("a", "b", keep=True)
        self.a.listener.refused("b", Unreachable("No path."))

    @property
    def lease(self):
        return next(iter(self.b.worker.leases.in_hand.values()))


@asynccontextmanager
async def pair():
    net = Network()
    net.world.waiting = net.world.working = lambda: 0  # only frames move the clock
    made = Pair(net)
    await net.start()
    try:
        yield made
    finally:
        await net.stop()


async def test_a_task_waits_for_what_a_link_began_and_renews_its_lease():
    async with pair() as both:
        call = await both.begun()
        await turns(lambda: "tasks.started" in both.hub.said)
        for _ in range(4):  # twice a lease
            both.hub.said.clear()
            both.net.world.advance(15)
            await turns(lambda: "tasks.renew" in both.hub.said)
        both.skill.go.set()
        answer = await call
        assert (answer.value, answer.via) == (b'"run 1"', "queue, plain")
    assert (both.skill.starts, both.skill.ends) == (1, 1)


async def test_what_a_link_began_and_ended_is_the_answer_of_the_task():
    async with pair() as both:
        both.hub.held = True
        call = await both.begun()
        both.skill.go.set()
        await turns(lambda: both.skill.ends and both.hub.said)
        both.hub.give()
        assert (await call).value == b'"run 1"'
    assert both.skill.starts == 1


async def test_an_error_is_told_once_and_the_next_try_is_one():
    async with pair() as both:
        both.skill.error = SkillFailed("It broke.", retryable=True)
        call = await both.begun()
        both.skill.go.set()
        with pytest.raises(SkillFailed, match="It broke"):
            await call
        assert both.skill.starts == 1
        both.skill.error = None
        both.hub.give(attempt=2)
        await turns(lambda: both.hub.said.count("tasks.complete"))
        assert bytes(both.hub.task.result.plain) == b'"run 2"'


async def test_what_was_stopped_with_its_caller_is_run_again_after_it():
    async with pair() as both:
        call = await both.begun()
        await turns(lambda: both.b.worker.leases.in_hand)
        both.b.listener.departed("a", both.a.incarnation)
        await turns(lambda: both.skill.starts == 2)
        assert both.skill.stopped == [()]
        both.skill.go.set()
        assert (await call).value == b'"run 2"'


async def test_a_canceled_task_stops_what_the_link_began_and_says_why():
    async with pair() as both:
        call = await both.begun()
        await turns(lambda: both.b.worker.leases.in_hand and both.lease.begun)
        lease = both.lease
        both.b._pushed(TaskHint(lease.task.id, "canceled", lease.fence, "enough"))
        await turns(lambda: both.skill.stopped)
        assert (both.skill.stopped, both.skill.starts) == ([("enough",)], 1)
        call.cancel()


async def test_a_lease_that_is_lost_leaves_the_run_to_the_next_fence():
    async with pair() as both:
        call = await both.begun()
        for _ in range(4):  # more often than it might be tried
            await turns(lambda: both.b.worker.leases.in_hand)
            lease = both.lease
            both.b.worker.leases.lose(lease)
            await turns(lease.run.done)
            both.hub.give()
        both.skill.go.set()
        assert (await call).value == b'"run 1"'
    assert (both.skill.starts, both.skill.stopped) == (1, [])


async def test_a_stop_ends_who_waits_and_begins_nothing():
    async with pair() as both:
        call = await both.begun()
        await turns(lambda: both.b.worker.leases.in_hand)
        await both.b.stop()
        assert (both.skill.starts, len(both.skill.stopped)) == (1, 1)
        call.cancel()


@pytest.mark.parametrize("ended", [False, True])
async def test_a_link_that_repeats_what_the_queue_brought_gets_its_answer(ended):
    async with pair() as both:
        await both.a.call(Outgoing("b", "free"))
        both.net.loss = 1.0  # the request goes into the void
        call = both.call()
        await turns(lambda: any(each.sent for each in both.a.peers["b"].calls.pending.values()))
        both.cut()
        await turns(lambda: both.skill.starts)
        if ended:
            both.skill.go.set()
            assert (await call).value == b'"run 1"'
        both.net.loss = 0.0
        both.net.heal("a", "b")
        await both.a.ping("b")
        both.skill.go.set()
        assert (await call).value == b'"run 1"'
        both.net.world.advance(1)
        await turns(lambda: both.b.peers["a"].calls.session.a)
    assert both.skill.starts == 1


async def test_with_a_real_registry_and_a_real_link_it_runs_once():
    skill = Skill()
    async with two(skill) as (_, a, b):
        out = Outgoing("b", "echo", b'"hi"', timeout=20, idempotent=True)
        call = asyncio.ensure_future(a.call(out))
        await until(lambda: skill.starts, 15)
        a.peers["b"].channel.detach(a.peers["b"].channel.path)
        a.listener.refused("b", Unreachable("No path."))
        await until(lambda: b.worker.working, 15)
        skill.go.set()
        answer = await call
    assert (answer.value, answer.via, skill.starts) == (b'"run 1"', "queue, plain", 1)


def made(scope="s", **kw):
    task = t.Task("t1", "assigned", "slow", "b", "a", deadline_ms=1000, scope=scope)
    lease = HeldTask(task, "0.1", 30.0, 0.0, **kw)
    return lease, QueueResponder(lease, None, None, None, None)


def carried(answer, flow=None):
    """A request that a link brought, and a table with it."""
    body = Incoming("a", "k", "task", "slow", b"{}", False, ("a",), None, "", "direct", "k")
    served = ServedRequest("k", None, m.TaskAnswer, body, 0.0, answer=answer, flow=flow)
    table = dedup.DuplicateGuard("default", FakeWorld(), {"a": {"k": served}}.__getitem__)
    return table, core.scope("default", "a", "tasks.submit", "k").hex()


async def test_a_deadline_is_no_answer_nor_is_a_stream():
    late = encode(m.TaskAnswer(request_id="k", error=DeadlineExceeded().to_wire()))
    whole = b'{"type":"task_response","request_id":"k","payload":{"result":7}}'
    for answer, flow, is_ in ((late, None, False), (whole, None, True), (whole, object(), False)):
        table, scope = carried(answer, flow)
        assert await table.answered(*made(scope)) is is_


async def test_a_task_that_is_not_idempotent_looks_nowhere():
    table = dedup.DuplicateGuard("default", FakeWorld(), {}.__getitem__)
    lease, responder = made(scope="")
    assert not await table.answered(lease, responder)
    with table.running(lease.task, responder):
        assert not table._running


async def test_ends_are_kept_for_their_time_and_within_their_bounds(monkeypatch):
    monkeypatch.setattr(dedup, "MAX_ENDED_RUNS", 2)
    monkeypatch.setattr(dedup, "ENDED_RUNS_BYTES", 5)
    table, _ = carried(None)
    for name, result in (("1", b"aa"), ("2", b"bb"), ("2", b"b"), ("3", b"c"), ("4", b"ddddd")):
        lease, responder = made(scope=name)
        with table.running(lease.task, responder):
            responder.reply(result)
        assert table._bytes == sum(run.size for run in table._ended.values()) <= 5
    assert list(table._ended) == ["a 4"]
    lease, responder = made(scope="5")
    with table.running(lease.task, responder):
        pass  # no answer: nothing to keep
    assert list(table._ended) == ["a 4"]
    table._world.advance(62)
    table.follow(Incoming("a", "k", "task", "slow", b"{}", False, ("a",), None, "", "direct", "k"))
    assert not table._ended and not table._bytes
