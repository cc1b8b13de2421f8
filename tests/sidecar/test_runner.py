"""A command ends with one word, whatever happens to its work."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.sidecar.runner import ReaderCredit
from tests.sidecar.rig import sidecar


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
