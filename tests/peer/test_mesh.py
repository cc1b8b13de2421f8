"""The mesh port over a network in memory: one answer, one execution, in order, in any weather."""

import asyncio
import math
from typing import Any

import pytest

from chatixia.core.ports import Outgoing
from chatixia.errors import (
    BadArguments,
    DeadlineExceeded,
    Denied,
    HopLimit,
    MeshError,
    Overloaded,
    PeerRestarted,
    Rejected,
    Revoked,
    SkillFailed,
    Unavailable,
    UnknownAgent,
    Unreachable,
)
from chatixia.peer.sessions.dispatch import advance
from chatixia.testing.clock import Dice
from chatixia.testing.network import MemoryRegistry, Network
from chatixia.wire.peer import SkillInfo

SKILLS = [SkillInfo(name) for name in ("echo", "slow", "fail", "hang", "count")]


class Skills:
    """What the nodes serve, and what they did."""

    def __init__(self):
        self.done, self.cancelled, self.seen = [], [], []
        self.started = asyncio.Event()

    async def __call__(self, incoming, responder):
        self.seen.append(incoming)
        self.done.append((incoming.caller, bytes(incoming.body)))
        await getattr(self, incoming.skill or "echo")(incoming, responder)

    async def echo(self, incoming, responder):
        responder.reply(bytes(incoming.body))

    async def slow(self, incoming, responder):
        await asyncio.sleep(0)
        responder.progress(0.5, "half")
        responder.reply(bytes(incoming.body))

    async def fail(self, incoming, responder):
        raise ValueError("a secret")

    async def hang(self, incoming, responder):
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.append(incoming.request_id)
            raise

    async def count(self, incoming, responder):
        limit, size = (int(x) for x in bytes(incoming.body).strip(b'"').split(b","))
        try:
            for n in range(limit):
                await responder.item(b'"%d%s"' % (n, b"x" * size))
        except asyncio.CancelledError:
            self.cancelled.append(incoming.request_id)
            raise
        responder.reply(b"null")


class Mesh:
    """Two nodes, a and b, that serve the same skills."""

    def __init__(self, **weather):
        self.weather = weather

    async def __aenter__(self):
        self.net = Network(**self.weather)
        self.skills = Skills()
        for name in ("a", "b"):
            self.net.node(name).serve(self.skills, SKILLS, 8)
        self.a, self.b = self.net.nodes["a"], self.net.nodes["b"]
        await self.net.start()
        return self

    async def __aexit__(self, *_):
        await self.net.stop()

    async def code(self, awaitable):
        """The error that it ends with."""
        with pytest.raises(MeshError) as raised:
            await awaitable
        return raised.value


def out(skill="echo", body=b'{"x":1}', target="b", **kw):
    return Outgoing(target, skill, body, **kw)


async def test_an_answer_says_how_it_came():
    async with Mesh() as mesh:
        first = await mesh.a.call(out())
        assert (first.value, first.via, first.agent) == (b'{"x":1}', "direct", "b")
        assert first.link_ms is not None and first.where and first.ms > 0
        assert (await mesh.a.call(out())).link_ms is None


async def test_what_a_handler_is_told():
    async with Mesh() as mesh:
        await mesh.a.call(out(path=("z", "y"), traceparent="00-1", key="k1", timeout=9))
        (seen,) = mesh.skills.seen
        assert (seen.caller, seen.skill, seen.path) == ("a", "echo", ("z", "y", "a"))
        assert (seen.key, seen.request_id, seen.traceparent) == ("k1", "k1", "00-1")
        assert 8.5 < seen.deadline - mesh.net.world.now <= 9


async def test_both_sides_call_at_once():
    async with Mesh() as mesh:
        calls = [mesh.a.call(out()), mesh.b.call(out(target="a"))]
        assert [answer.agent for answer in await asyncio.gather(*calls)] == ["b", "a"]


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (out(timeout=0), DeadlineExceeded),
        (out(target="No Name"), BadArguments),
        (out(target="a"), Rejected),
        (out(target="nobody"), UnknownAgent),
        (out(path=tuple("abcdefgh")), HopLimit),
        (out("fail"), SkillFailed),
        (out("hang", timeout=0.05), DeadlineExceeded),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else each.skill,
)
async def test_each_way_to_fail_has_its_name(call, kind):
    async with Mesh() as mesh:
        error = await mesh.code(mesh.a.call(call))
        assert type(error) is kind
        assert "secret" not in str(error)


async def test_an_unknown_agent_does_not_wait_for_a_link():
    async with Mesh() as mesh:
        began = mesh.net.world.now
        await mesh.code(mesh.a.call(out(target="nobody")))
        assert mesh.net.world.now - began < 1


@pytest.mark.parametrize("loss", [0, 0.2])
async def test_a_call_hears_its_progress_over_the_link(loss):
    heard = []
    async with Mesh(loss=loss, seed=3) as mesh:
        call = out("slow", on_progress=lambda *step: heard.append(step))
        assert (await mesh.a.call(call)).via == "direct"
    assert heard == [(0.5, "half")]


async def test_what_hears_progress_and_raises_ends_nothing(caplog):
    def hear(fraction, note):
        raise ValueError("a secret")

    async with Mesh() as mesh:
        assert (await mesh.a.call(out("slow", on_progress=hear))).value
    (record,) = [one for one in caplog.records if "on_progress" in one.getMessage()]
    assert "ValueError" in record.getMessage() and "secret" not in record.getMessage()


def test_a_fraction_of_the_far_side_stays_between_0_and_1():
    heard = []
    call = out(on_progress=lambda *step: heard.append(step))
    for fraction in (1e308, -1.0, None):
        advance(call, fraction, "")
    assert heard == [(1.0, ""), (0.0, ""), (None, "")]
    advance(out(), 0.5, "")  # nobody listens


async def test_a_caller_that_leaves_cancels_the_handler():
    async with Mesh() as mesh:
        call = asyncio.create_task(mesh.a.call(out("hang", key="k")))
        await mesh.skills.started.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await mesh.a.call(out())
        assert mesh.skills.cancelled == ["k"]


async def test_a_deadline_cancels_the_handler():
    async with Mesh() as mesh:
        await mesh.code(mesh.a.call(out("hang", key="k", timeout=0.05)))
        await mesh.a.call(out())
        assert mesh.skills.cancelled == ["k"]


async def test_a_key_in_use_is_not_used_twice():
    async with Mesh() as mesh:
        call = asyncio.create_task(mesh.a.call(out("hang", key="k")))
        await mesh.skills.started.wait()
        assert (await mesh.code(mesh.a.call(out(key="k")))).code == "busy"
        call.cancel()


async def test_a_large_call_passes_and_a_larger_one_names_the_bound():
    async with Mesh() as mesh:
        big = b'"' + b"x" * 10_000_000 + b'"'
        assert (await mesh.a.call(out(body=big))).value == big
        error = await mesh.code(mesh.a.call(out(body=b'"' + b"x" * 17_000_000 + b'"')))
        assert error.code == "too_large" and "16 MiB" in str(error)


async def test_more_than_256_handlers_for_one_peer_are_busy():
    async with Mesh() as mesh:
        calls = [asyncio.create_task(mesh.a.call(out("hang"))) for _ in range(256)]
        await mesh.skills.started.wait()
        error = await mesh.code(mesh.a.call(out()))
        assert error.code == "busy" and error.retryable
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert (await mesh.a.call(out())).value


@pytest.mark.parametrize(("count", "size"), [(0, 0), (500, 3), (40, 5_000), (5, 100_000)])
async def test_a_stream_brings_every_item_in_order(count, size):
    async with Mesh(loss=0.05, reorder=0.2) as mesh:
        got = [item async for item in mesh.a.stream(out("count", b'"%d,%d"' % (count, size)))]
        assert got == [b'"%d%s"' % (n, b"x" * size) for n in range(count)]


async def test_a_reader_that_stops_holds_the_writer_back_and_leaving_cancels_it():
    async with Mesh() as mesh:
        stream = mesh.a.stream(out("count", b'"1000,5000"', key="k"))
        async for _ in stream:
            break
        await mesh.a.call(out())
        flow = mesh.b.peers["a"].calls.served["k"].flow
        assert 5 < flow.n < 40
        await stream.aclose()
        await mesh.a.call(out())
        assert mesh.skills.cancelled == ["k"]


async def test_a_stream_raises_the_error_where_it_happened():
    async with Mesh() as mesh:
        with pytest.raises(SkillFailed):
            async for _ in mesh.a.stream(out("fail")):
                raise AssertionError


async def test_ping_skills_prompt_and_status_have_receivers():
    async with Mesh() as mesh:
        assert (await mesh.a.ping("b")).via == "direct"
        listed = (await mesh.a.call(out("", b"{}", kind="skills"))).value
        assert b'"hang"' in listed
        one = (await mesh.a.call(out("", b'{"skill":"echo"}', kind="skills"))).value
        assert b'"hang"' not in one
        assert (await mesh.a.call(out("", b'{"message":"hi"}', kind="prompt"))).value
        assert (await mesh.a.call(out("", b'{"status":"idle"}', kind="status"))).value == b"null"
        assert [each.kind for each in mesh.skills.seen] == ["prompt"]
        assert mesh.b.listener.status("a") == "idle"


async def test_a_ping_without_a_link_ends():
    async with Mesh() as mesh:
        mesh.net.cut("a", "b", keep=True)
        assert str(await mesh.code(mesh.a.ping("b", 3))) == "No link to b opened in time."
        assert isinstance(await mesh.code(mesh.a.ping("nobody", 3)), UnknownAgent)


async def test_a_path_that_dies_re_executes_nothing():
    async with Mesh() as mesh:
        call = asyncio.create_task(mesh.a.call(out("hang", key="k", timeout=60)))
        await mesh.skills.started.wait()
        mesh.net.cut("a", "b")
        await mesh.a.call(out())
        assert [body for _, body in mesh.skills.done] == [b'{"x":1}'] * 2
        assert not call.done()
        call.cancel()


async def test_a_new_process_ends_sent_calls_with_their_outcome_unknown():
    async with Mesh() as mesh:
        call = asyncio.create_task(mesh.a.call(out("hang", timeout=60)))
        await mesh.skills.started.wait()
        sure = asyncio.create_task(mesh.a.call(out("hang", timeout=60, idempotent=True, key="i")))
        await mesh.a.ping("b")
        mesh.net.nodes.pop("b")
        mesh.net.cut("a", "b")
        node = mesh.net.node("b")
        skills = Skills()
        skills.hang = skills.echo
        node.serve(skills, SKILLS, 4)
        await node.start()
        mesh.net.want("a", "b")
        error = await mesh.code(call)
        assert isinstance(error, PeerRestarted) and error.outcome == "unknown"
        assert (await sure).value == b'{"x":1}'
        assert [each.request_id for each in skills.seen] == ["i"]
        await mesh.b.stop()


@pytest.mark.parametrize("who", ["a", "b"])
async def test_who_was_forgotten_while_it_slept_is_called_and_calls_directly(who, caplog):
    """``who`` was silent for so long that the other has given it up and kept nothing of it."""
    async with Mesh() as mesh:
        for _ in range(3):
            await mesh.a.call(out())
            await mesh.b.call(out(target="a"))
        sleeper = mesh.net.nodes[who]
        other = mesh.b if who == "a" else mesh.a
        asked = out("hang", timeout=60, target=other.id)
        call = asyncio.create_task(sleeper.call(asked))
        await mesh.skills.started.wait()
        mesh.net.cut("a", "b", keep=True)
        other.listener.departed(who, sleeper.incarnation)
        other.peers[who].calls.sweep(math.inf)  # as long as its answers are kept
        assert other.peers.forget(who)
        mesh.net.heal("a", "b")
        error = await mesh.code(call)
        assert (type(error), error.outcome) == (Unreachable, "unknown")  # it did not restart
        for one, target in ((mesh.a, "b"), (mesh.b, "a")):
            assert (await one.call(out(target=target, queue="never"))).via == "direct"
        assert len(mesh.net.paths_of("a")) == 1 and "closing the path" not in caplog.text


async def test_a_process_that_is_gone_ends_sent_calls():
    async with Mesh() as mesh:
        call = asyncio.create_task(mesh.a.call(out("hang", timeout=60)))
        await mesh.skills.started.wait()
        mesh.net.kill("b")
        error = await mesh.code(call)
        assert type(error) is Unreachable and error.outcome == "unknown"
        await mesh.b.stop()


async def test_a_call_that_was_never_sent_is_definitely_not_done():
    async with Mesh() as mesh:
        mesh.net.cut("a", "b", keep=True)
        error = await mesh.code(mesh.a.call(out(timeout=3, queue="never")))
        assert type(error) is Unreachable and error.outcome == "definite"
        assert not mesh.skills.done


async def test_a_call_to_whoever_is_out_ends_also_if_it_was_sent():
    async with Mesh() as mesh:
        await mesh.a.call(out())
        asked = asyncio.ensure_future(mesh.a.call(out("hang", timeout=600)))
        await mesh.skills.started.wait()
        mesh.a.listener.refused(
            "b", Revoked("It is out.")
        )  # while its link lives the answer may come
        assert not asked.done()
        mesh.net.cut("a", "b", keep=True)
        mesh.a.listener.refused("b", Denied("Not now."))
        await asyncio.sleep(0)
        assert not asked.done()
        mesh.a.listener.refused("b", Revoked("It is out."))
        error = await mesh.code(asked)
        assert (error.code, error.outcome) == ("revoked", "unknown")


async def test_a_refused_link_ends_what_waits_for_it():
    async with Mesh() as mesh:
        mesh.net.cut("a", "b", keep=True)
        call = asyncio.create_task(mesh.a.call(out(timeout=60)))
        await asyncio.sleep(0)
        mesh.a.listener.refused("b", Denied("The fingerprint is another's."))
        error = await mesh.code(call)
        assert type(error) is Denied
        assert type(await mesh.code(mesh.a.call(out()))) is Denied


async def test_stop_ends_what_is_open():
    async with Mesh() as mesh:
        call = asyncio.create_task(mesh.a.call(out("hang", timeout=60)))
        await mesh.skills.started.wait()
        await mesh.a.stop()
        assert isinstance(await mesh.code(call), Unavailable)
        assert isinstance(await mesh.code(mesh.a.call(out(target="c"))), Unavailable)


async def test_only_the_asked_peer_may_answer():
    async with Mesh() as mesh:
        mesh.net.node("c").serve(mesh.skills, SKILLS, 4)
        c = mesh.net.nodes["c"]
        await c.start()
        await c.call(out(target="a"))
        call = asyncio.create_task(mesh.a.call(out("hang", key="k", timeout=60)))
        await mesh.skills.started.wait()
        forged = b'{"type":"task_response","request_id":"k","payload":{"result":1}}'
        c.peers["a"].calls.session.send(forged)
        c.peers["a"].channel.kick()
        await c.call(out(target="a"))
        assert not call.done()
        call.cancel()


async def test_link_driver_questions():
    async with Mesh() as mesh:
        await mesh.a.call(out())
        a, b = mesh.a, mesh.b
        assert a.listener.received("b", b.incarnation) == 1
        assert a.listener.received("b", "another") == a.listener.received("c", "x") == 0
        before = a.peers["b"].channel.path.frame_at
        assert before > 0
        a.listener.probe("b")
        await a.ping("b")
        assert a.peers["b"].channel.path.frame_at > before
        assert a.listener.idle("c")


async def weather(seed, calls=30):
    """Calls both ways while paths lose, double, reorder, refuse and die."""
    dice = Dice(seed)
    chance = [dice.roll() * 0.25 for _ in range(4)]
    kinds = {"loss": chance[0], "duplicate": chance[1], "reorder": chance[2], "refuse": chance[3]}
    async with Mesh(seed=seed, delay=(0.001, 0.02), **kinds) as mesh:
        for _ in range(dice.below(8)):
            mesh.net.world.later(dice.roll(), lambda: mesh.net.cut("a", "b"), frame=True)
        sides = [(mesh.a, "b"), (mesh.b, "a")]
        skills = ["echo", "echo", "slow"]
        asked = [
            node.call(out(skills[dice.below(3)], b"%d" % n, peer, timeout=600))
            for node, peer in sides
            for n in range(calls)
        ]
        answers = await asyncio.gather(*asked)
        assert [int(answer.value) for answer in answers] == [*range(calls)] * 2
        for caller in ("a", "b"):
            order = [int(body) for who, body in mesh.skills.done if who == caller]
            assert order == list(range(calls)), f"seed {seed}"
        for node, peer in sides:
            assert not node.peers[peer].calls.pending


@pytest.mark.parametrize("block", range(10))
async def test_each_call_is_answered_once_executed_once_in_order(block):
    for seed in range(block * 20, block * 20 + 20):
        await weather(seed)


@pytest.mark.soak
async def test_the_same_a_thousand_times():
    for seed in range(1000, 2000):
        await weather(seed, 60)


async def test_a_member_that_no_list_has_gets_its_work_through_the_queue():
    async with Mesh() as mesh:
        asked = []

        async def verb(name: str, request: Any, timeout: float = 10.0) -> Any:
            asked.append(name)
            if name == "tasks.submit":
                raise Overloaded("The queue is full, which only the queue can say.")
            return await MemoryRegistry.verb(mesh.a.registry, name, request, timeout)

        mesh.a.registry.verb = verb
        error = await mesh.code(mesh.a.call(out(target="away")))
        assert type(error) is Overloaded and asked[0] == "agents.get"
        error = await mesh.code(mesh.a.call(out(target="away", queue="never")))
        assert type(error) is UnknownAgent
