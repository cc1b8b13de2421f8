"""A line for each request served, where somebody reads the log."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator

import pytest

from chatixia.errors import SkillFailed
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def echo(data: str) -> str:
    return data


async def tell() -> AsyncIterator[str]:
    yield "secret"


async def refuses() -> None:
    raise SkillFailed("Not the secret.")


@pytest.fixture
def net():
    made = Net()
    served = Served(made, "a", echo, tell, refuses)
    yield made
    served.close()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if re.search(r" for me~abcdef, ", line)]


async def test_a_line_for_each_call_served(net: Net, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "chatixia.served")
    there = client(net).agent("a")
    await there.echo(data="secret")
    async with there.stream("tell") as items:
        assert [item async for item in items] == ["secret"]
    with pytest.raises(SkillFailed):
        await there.refuses()
    found = lines(caplog)
    assert [re.sub(r"[0-9]+ ms", "N ms", line) for line in found] == [
        "echo for me~abcdef, direct: ok, N ms",
        "tell for me~abcdef, direct: ok, N ms, 1 item",
        "refuses for me~abcdef, direct: skill_failed, N ms",
    ]
    assert "secret" not in " ".join(found)


async def test_no_line_unless_asked_for(net: Net, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG, "chatixia")  # as a program that logs all it can
    await client(net).agent("a").echo(data="x")
    assert lines(caplog) == []
