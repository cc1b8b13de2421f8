"""Results of skills as answers: their bound, and what cannot be written."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chatixia.agent import result
from chatixia.errors import SkillFailed
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def items(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


async def test_a_stream_too_long_for_one_answer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(result, "MAX_RESULT", 100)
    net = Net()
    served = Served(net, "a", items)
    with pytest.raises(SkillFailed, match="yield"):
        await client(net).agent("a").items(n=200)
    served.close()


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_result_too_long_is_the_skills_failure(monkeypatch: pytest.MonkeyPatch, kind: str):
    monkeypatch.setattr(result, "MAX_RESULT", 100)

    async def big(n: int) -> str:
        return "x" * n

    def long(n: int) -> str:
        return "x" * n

    net = Net()
    served = Served(net, "a", {"async": big, "sync": long}[kind])
    skill = getattr(client(net).agent("a"), {"async": "big", "sync": "long"}[kind])
    assert await skill(n=98) == "x" * 98
    with pytest.raises(SkillFailed, match="has 101 bytes"):
        await skill(n=99)
    served.close()


async def test_an_item_that_is_too_long_is_a_result_and_no_argument(
    monkeypatch: pytest.MonkeyPatch,
):
    async def long() -> AsyncIterator[str]:
        yield "short"
        yield "x" * 200

    monkeypatch.setattr(result, "MAX_RESULT", 100)
    net = Net()
    served = Served(net, "a", long)
    with pytest.raises(SkillFailed, match="The result of long has 202 bytes"):
        async with client(net).agent("a").stream("long") as items:
            assert [item async for item in items] == ["short"]
    served.close()


def untyped(n: int) -> Any:
    return (i for i in range(n))


async def untyped_too(n: int) -> Any:
    return iter(range(n))


@pytest.mark.parametrize("fn", [untyped, untyped_too])
async def test_an_iterator_that_no_annotation_tells_of_names_the_cure(fn: Any):
    net = Net()
    served = Served(net, "a", fn)
    with pytest.raises(SkillFailed, match=r"annotate the skill `-> Iterator\[...\]`"):
        await client(net).agent("a").call(fn.__name__, {"n": 2})
    served.close()
