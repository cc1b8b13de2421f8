"""The runtime: every request ends in one answer, whatever a skill does."""

from __future__ import annotations

import logging

import msgspec
import pytest

from chatixia.core.ports import Incoming, Outgoing
from chatixia.errors import Denied, MeshError, SkillFailed, UnknownSkill
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
    assert caught.value.message == "The skill secretive of a failed with LookupError."
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
    with pytest.raises(SkillFailed, match="result of odd cannot be sent: a object cannot be"):
        await client(net).agent("a").odd()


async def test_unknown_skills_name_the_known(net: Net):
    with pytest.raises(UnknownSkill) as caught:
        await client(net).agent("a").nope()
    assert caught.value.message == (
        "a has no skill nope; it has: echo, secretive, grouped, refused, odd."
    )


async def test_nothing_is_logged_per_call(net: Net, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "chatixia")
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
