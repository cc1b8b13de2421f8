"""The runtime: every request ends in one answer, whatever a skill does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest

from chatixia.agent.context import Ctx
from chatixia.core.ports import Incoming, Outgoing
from chatixia.errors import Denied, MeshError, Overloaded, SkillFailed, UnknownSkill, Unreachable
from chatixia.wire.base import EMPTY
from chatixia.wire.peer import SkillReply
from tests.agent.loopback import Net, Responder
from tests.agent.served import Served, client


async def echo(data: str) -> str:
    """Say it again."""
    return data


async def secretive() -> None:
    raise LookupError("the password is swordfish")


async def grouped() -> None:
    raise ExceptionGroup("two", [Denied("Not you.")])


async def refused() -> None:
    raise SkillFailed("There is no such city.")


async def odd() -> object:
    return object()


@pytest.fixture
def net():
    made = Net()
    served = Served(made, "a", echo, secretive, grouped, refused, odd)
    yield made
    served.close()


async def test_a_call(net: Net):
    assert await client(net).agent("a").echo(data="x") == "x"


async def test_what_others_are_told_of_an_error(net: Net, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "chatixia")
    there = client(net).agent("a")
    with pytest.raises(SkillFailed) as caught:
        await there.secretive()
    assert caught.value.message == (
        "The skill secretive of a failed with LookupError; see the agent's log."
    )
    assert caught.value.agent == "a"
    assert "swordfish" not in caplog.text
    assert "LookupError" in caplog.text


async def test_its_text_stays_in_the_agents_own_log(net: Net, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "chatixia")
    with pytest.raises(SkillFailed):
        await client(net).agent("a").secretive()
    assert "swordfish" in caplog.text


async def test_a_mesh_error_passes_as_itself(net: Net):
    there = client(net).agent("a")
    with pytest.raises(SkillFailed, match="^There is no such city.$"):
        await there.refused()
    with pytest.raises(Denied, match="Not you."):
        await there.grouped()


async def test_a_result_that_cannot_travel(net: Net):
    with pytest.raises(SkillFailed, match="result of odd cannot be sent: an object cannot be"):
        await client(net).agent("a").odd()


async def test_unknown_skills_name_the_known(net: Net):
    with pytest.raises(UnknownSkill) as caught:
        await client(net).agent("a").nope()
    assert caught.value.message == (
        "a has no skill nope; it has: echo, secretive, grouped, refused, odd."
    )


async def test_nothing_is_logged_per_call(net: Net, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.WARNING, "chatixia")
    await client(net).agent("a").echo(data="x")
    assert not caplog.records


@pytest.mark.parametrize("skill", ["", "echo", "nope"])
async def test_skill_queries(net: Net, skill: str):
    body = msgspec.json.encode({"skill": skill})
    port = net.port("c")
    answer = await port.call(Outgoing("a", "", body, "skills"))
    found = msgspec.json.decode(answer.value, type=SkillReply)
    assert found.available is (skill != "nope")
    names = [info.name for info in found.skills]
    assert names == {"": ["echo", "secretive", "grouped", "refused", "odd"], "echo": ["echo"]}.get(
        skill, []
    )


async def plain(how: str = "as ever") -> str:
    return how


async def test_no_payload_is_no_arguments(net: Net):
    """A described task that names no payload carries ``null``."""
    served = Served(net, "b", plain, echo)
    ended = {}
    for skill in ("plain", "echo"):
        responder = Responder()
        inc = Incoming(
            "c", "r", "task", skill, msgspec.Raw(b"null"), False, ("c",), None, "", "queue", ""
        )
        await net.ports["b"].handler(inc, responder)
        ended[skill] = responder.done
    served.close()
    assert ended["plain"].result() == b'"as ever"'
    assert str(ended["echo"].exception()) == "echo: the argument data is missing."


@pytest.mark.parametrize("kind", ["task", "prompt", "skills", "status"])
@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"{}", b'{"data":1}', b'{"skill":1}'])
async def test_any_body_of_any_kind_ends_in_one_answer(net: Net, kind, body: bytes):
    responder = Responder()
    inc = Incoming("c", "r", kind, "echo", msgspec.Raw(body), False, ("c",), None, "", "direct", "")
    await net.ports["a"].handler(inc, responder)
    assert responder.answers == 1
    assert responder.done.exception() is None or isinstance(responder.done.exception(), MeshError)


async def test_a_failed_call_of_the_skills_own_does_not_say_that_nothing_happened():
    net = Net()
    paid: list[str] = []

    async def busy() -> None:
        raise Overloaded

    async def pay(ctx: Ctx, there: str = "gamma") -> None:
        paid.append("once")
        await ctx.agent(there).busy()

    def pay_in_a_thread(ctx: Ctx) -> None:
        paid.append("once")
        ctx.wait(ctx.agent("gamma").busy())

    async def refuse() -> None:
        raise Overloaded

    served = [Served(net, name, pay, pay_in_a_thread, refuse) for name in ("a", "b")]
    served.append(Served(net, "gamma", busy))
    mesh = client(net)
    for skill, args in (("pay", {}), ("pay", {"there": "nobody"}), ("pay_in_a_thread", {})):
        with pytest.raises((Overloaded, Unreachable)) as caught:
            await mesh.any("pay").call(skill, args)
        assert caught.value.outcome == "unknown"
        assert paid == ["once"]
        paid.clear()
    with pytest.raises(Overloaded) as caught:
        await mesh.agent("a").refuse()
    assert caught.value.outcome == "definite"
    for one in served:
        one.close()


async def test_what_was_cancelled_inside_a_skill_is_its_failure_and_nobodys_cancelling():
    net = Net()

    async def inside() -> None:
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task

    def in_a_thread() -> None:
        raise asyncio.CancelledError

    async def hang() -> None:
        await asyncio.Event().wait()

    served = Served(net, "a", inside, in_a_thread, hang, prompt=lambda text: in_a_thread())
    there = client(net).agent("a")
    for call in (there.inside, there.in_a_thread, lambda: there.ask("x")):
        with pytest.raises(SkillFailed, match="failed with CancelledError"):
            async with asyncio.timeout(5):
                await call()
    inc = Incoming("me", "r", "task", "hang", EMPTY, False, ("me",), None, "", "direct", "")
    under_way = asyncio.ensure_future(served.runtime.handle(inc, Responder()))
    await asyncio.sleep(0)
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way
    served.close()


class Panic(BaseException):
    """What an extension raises that is not to be caught, as PyO3's panics are."""


class Panicky:
    """A model whose validator panics."""

    @classmethod
    def model_validate(cls, found: object) -> Panicky:
        raise Panic("in Rust")

    @classmethod
    def model_json_schema(cls, **_: object) -> dict[str, object]:
        return {"type": "object"}


async def panics() -> None:
    raise Panic("in Rust")


def panics_in_a_thread() -> None:
    raise Panic("in Rust")


async def panics_at_once(data: Panicky) -> None:
    raise AssertionError("it never gets so far")


async def panics_streaming() -> AsyncIterator[int]:
    yield 1
    raise Panic("in Rust")


async def leaves() -> None:
    raise SystemExit(3)


async def slips() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    "skill",
    [panics, panics_in_a_thread, panics_at_once, panics_streaming, leaves, slips],
    ids=lambda fn: fn.__name__,
)
async def test_whatever_a_skill_raises_is_its_answer(net: Net, skill):
    served = Served(net, "b", skill)
    args = {"data": {}} if skill is panics_at_once else {}
    with pytest.raises(SkillFailed, match=f"The skill {skill.__name__} of b failed with "):
        await client(net).agent("b").call(skill.__name__, args)
    served.close()


async def test_a_prompt_handler_that_panics_is_answered_and_logged(net: Net, caplog):
    async def handler(text: str) -> str:
        raise Panic("in Rust")

    served = Served(net, "b", prompt=handler)
    with pytest.raises(SkillFailed, match="failed with Panic"):
        await client(net).agent("b").ask("hello")
    await client(net).agent("b").tell("hello", wait=False)
    assert "the prompt handler failed with Panic" in caplog.text
    served.close()


@pytest.mark.parametrize("end", [asyncio.CancelledError, KeyboardInterrupt, GeneratorExit])
async def test_what_ends_the_request_or_the_loop_is_no_answer(net: Net, end):
    """Thrown in from outside, as a cancel, Ctrl-C and the closing of a coroutine are."""
    waits = asyncio.get_running_loop().create_future()

    async def waiting() -> None:
        await waits

    served = Served(net, "b", waiting)
    responder = Responder()
    body = msgspec.Raw(b"{}")
    inc = Incoming("c", "r", "task", "waiting", body, False, ("c",), None, "", "direct", "")
    work = net.ports["b"].handler(inc, responder)
    if end is asyncio.CancelledError:
        task = asyncio.ensure_future(work)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(end):
            await task
    else:
        work.send(None)
        with pytest.raises(end):
            work.throw(end)
    assert not responder.answers
    served.close()
