"""A command ends with one word, whatever happens to its work."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.errors import MeshError, NotFound
from chatixia.sidecar.runner import ReaderCredit
from tests.sidecar.rig import incoming, sidecar


async def test_a_defect_is_internal_and_the_next_command_is_answered(tmp_path: Path):
    async def breaks(outgoing: Outgoing) -> CallAnswer:
        raise ZeroDivisionError

    async with sidecar(tmp_path) as rig:
        rig.port.answer = breaks
        program = await rig.program()
        assert (await program.asks("call", 1, target="bob", skill="x"))["code"] == "internal"
        rig.port.answer = rig.port.echo
        assert (await program.asks("call", 1, target="bob", skill="x"))["value"] == {}


async def test_progress_is_told_where_it_is_wanted(tmp_path: Path):
    async def steps(outgoing: Outgoing) -> CallAnswer:
        if outgoing.on_progress is not None:
            outgoing.on_progress(0.5, "half")
        return CallAnswer(b"1", "direct", 1.0, outgoing.target)

    async with sidecar(tmp_path) as rig:
        rig.port.answer = steps
        program = await rig.program()
        assert (await program.asks("call", 1, target="bob", skill="x"))["value"] == 1
        program.command("call", 2, target="bob", skill="x", progress=True)
        line = await program.next("progress")
        assert (line["id"], line["payload"]) == (2, {"fraction": 0.5, "note": "half"})


async def test_what_a_program_had_open_is_let_go_with_it(tmp_path: Path):
    gone = asyncio.Event()

    async def waits(outgoing: Outgoing) -> CallAnswer:
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError

    async with sidecar(tmp_path) as rig:
        rig.port.answer = waits
        program = await rig.program()
        program.command("call", 1, target="bob", skill="x")
        program.command("status", 2)
        await program.next("result")
        await program.close()
        await asyncio.wait_for(gone.wait(), 5)


async def test_credit_lets_the_last_item_go_over():
    credit = ReaderCredit(10)
    await credit.take(5)
    waiting = asyncio.ensure_future(credit.take(20))
    await asyncio.sleep(0)
    assert not waiting.done() and credit.left == -15
    credit.grant(10)
    await asyncio.sleep(0)
    assert not waiting.done()
    credit.grant(10)
    await waiting


class Begun:
    """A call over an open link, whose end the test gives."""

    def __init__(self, outgoing: Outgoing, waiter: Any) -> None:
        self.outgoing, self.waiter = outgoing, waiter
        self.end: CallAnswer | MeshError | None = None
        self.left = asyncio.Event()

    def finish(self, end: CallAnswer | MeshError | None) -> None:
        assert not self.waiter.done()
        self.end = end
        self.waiter.set_result(None)
        assert self.waiter.done()

    def answer(self) -> CallAnswer | None:
        if isinstance(self.end, Exception):
            raise self.end
        return self.end

    async def queued(self) -> CallAnswer:
        return CallAnswer(b"2", "queue, plain", 1.0, "bob")

    def leave(self) -> None:
        self.left.set()


class Link:
    """Begins every call, or none while it is ``closed``."""

    def __init__(self) -> None:
        self.calls: list[Begun] = []
        self.closed = False
        self.news = asyncio.Event()

    def __call__(self, outgoing: Outgoing, waiter: Any) -> Begun | None:
        if self.closed:
            return None
        self.calls.append(Begun(outgoing, waiter))
        self.news.set()
        return self.calls[-1]

    async def next(self) -> Begun:
        async with asyncio.timeout(5):
            await self.news.wait()
        self.news.clear()
        return self.calls[-1]


async def test_a_call_over_an_open_link_ends_with_one_word_whatever_its_end(tmp_path: Path):
    link = Link()
    async with sidecar(tmp_path, begin=link) as rig:
        program = await rig.program()
        ends: list[tuple[Any, dict[str, Any]]] = [
            (CallAnswer(b"1", "direct", 1.0, "bob"), {"value": 1}),
            (NotFound("No."), {"code": "not_found"}),
            (ZeroDivisionError(), {"code": "internal"}),
            (None, {"value": 2, "via": "queue, plain"}),
        ]
        for number, (end, said) in enumerate(ends, 1):
            program.command("call", number, target="bob", skill="x")
            begun = await link.next()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            begun.finish(end)
            line = await program.line()
            assert line["id"] == number and said.items() <= line["payload"].items()
        link.closed = True
        assert (await program.asks("call", 1, target="bob", skill="x"))["value"] == {}
        status = await program.asks("status", 2)
        assert status["value"]["calls"] == 0


async def test_such_a_call_is_left_when_it_is_cancelled_or_its_cause_or_program_ends(
    tmp_path: Path,
):
    link = Link()
    async with sidecar(tmp_path, begin=link) as rig:
        program = await rig.program()
        await program.hello("forecast")
        program.command("call", 1, target="bob", skill="x")
        begun = await link.next()
        program.command("call", 1, target="bob", skill="x")
        assert (await program.next("error"))["payload"]["code"] == "conflict"
        program.command("cancel", call=1)
        line = await program.next("error")
        assert (line["id"], line["payload"]["code"], begun.left.is_set()) == (1, "canceled", True)
        _, task = rig.ask(incoming())
        request = (await program.next("request"))["id"]
        program.command("call", 2, cause=request, target="bob", skill="x")
        begun = await link.next()
        task.cancel()
        assert {(await program.line())["type"] for _ in range(2)} == {"cancel", "error"}
        assert begun.left.is_set()
        program.command("call", 3, target="bob", skill="x")
        begun = await link.next()
        await program.close()
        await asyncio.wait_for(begun.left.wait(), 5)


async def test_such_a_call_leaves_nothing_for_the_collector(tmp_path: Path):
    """Whoever waits and what it waits for know each other: a cycle, unless one lets go."""
    link = Link()
    async with sidecar(tmp_path, begin=link) as rig:
        program = await rig.program()
        gc.disable()
        try:
            for number, end in enumerate((CallAnswer(b"1", "direct", 1.0, "bob"), NotFound()), 1):
                program.command("call", number, target="bob", skill="x")
                begun = weakref.ref(await link.next())
                link.calls.pop().finish(end)
                await program.line()
                assert begun() is None
            program.command("call", 3, target="bob", skill="x")
            begun = weakref.ref(await link.next())
            link.calls.clear()
            program.command("cancel", call=3)
            await program.next("error")
            assert begun() is None
        finally:
            gc.enable()
