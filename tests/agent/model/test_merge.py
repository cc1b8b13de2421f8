"""One stream of a run: in order, closed with its reader, alive while nothing is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from chatixia.agent.model.merge import ROOM, RunStream
from chatixia.errors import Cancelled, SkillFailed


class Note(msgspec.Struct):
    """An event."""

    text: str


def stream(idle: float = 30.0, beat: Note | None = None) -> RunStream:
    return RunStream(idle, lambda: beat)


async def test_what_a_tool_tells_comes_between_what_the_model_says():
    whole = stream()

    async def run() -> AsyncGenerator[Any, None]:
        yield "a"
        await whole.emit(Note("tool"))
        yield "b"

    assert [piece async for piece in whole.pieces(run())] == ["a", Note("tool"), "b"]


@pytest.mark.parametrize("error", [SkillFailed("Broke."), KeyError("x")])
async def test_what_the_run_raises_is_raised_after_what_it_gave(error: Exception):
    async def run() -> AsyncGenerator[Any, None]:
        yield "a"
        raise error

    got: list[Any] = []
    with pytest.raises(type(error)):
        pieces = stream().pieces(run())
        got.append(await anext(pieces))
        await anext(pieces)
    assert got == ["a"]


async def test_a_run_that_cancels_itself_is_an_end():
    async def run() -> AsyncGenerator[Any, None]:
        yield "a"
        raise asyncio.CancelledError

    with pytest.raises(Cancelled):
        assert [piece async for piece in stream().pieces(run())]


@pytest.mark.parametrize("many", [1, ROOM * 3])
async def test_who_leaves_early_closes_the_run(many: int):
    closed = asyncio.Event()

    async def run() -> AsyncGenerator[Any, None]:
        try:
            for n in range(many):
                yield str(n)
            await asyncio.Event().wait()
        finally:
            closed.set()

    pieces = stream().pieces(run())
    assert await anext(pieces) == "0"
    await asyncio.wait_for(pieces.aclose(), 5)
    assert closed.is_set()


async def test_a_reader_that_is_behind_stops_the_run():
    given: list[int] = []

    async def run() -> AsyncGenerator[Any, None]:
        for n in range(ROOM * 3):
            given.append(n)
            yield str(n)

    pieces = stream().pieces(run())
    await anext(pieces)
    for _ in range(ROOM * 4):
        await asyncio.sleep(0)
    assert len(given) <= ROOM + 3
    assert len([piece async for piece in pieces]) == ROOM * 3 - 1


async def test_a_sign_of_life_where_there_is_one():
    free = asyncio.Event()
    beats: list[Note] = []

    def beat() -> Note | None:
        beats.append(Note("alive"))
        if len(beats) == 1:
            return None
        free.set()
        return beats[-1]

    async def run() -> AsyncGenerator[Any, None]:
        await free.wait()
        yield "a"

    whole = RunStream(0.01, beat)
    assert [piece async for piece in whole.pieces(run())][:2] == [Note("alive"), "a"]


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_run_that_has_had_its_time_ends(speaks: bool):
    left, closed = [0.05], asyncio.Event()

    async def run() -> AsyncGenerator[Any, None]:
        try:
            yield "a"
            while speaks:
                left[0] -= 0.01
                yield "b"
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            closed.set()

    def seconds() -> float:
        left[0] -= 0.02
        return left[0]

    whole = RunStream(30.0, lambda: None, seconds, lambda: SkillFailed("Time."))
    with pytest.raises(SkillFailed, match="Time"):
        assert [piece async for piece in whole.pieces(run())]
    assert closed.is_set()
