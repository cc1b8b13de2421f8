"""A responder behind a sidecar: one answer, items within credit."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatixia.assembly.remote.sidecar_requests import SidecarResponder, interrupted
from chatixia.errors import Cancelled, SkillFailed
from chatixia.wire import ipc


class Told:
    """Keeps the lines that a responder sends."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def tell(self, line: Any) -> None:
        self.lines.append(line)


async def test_it_answers_once():
    told = Told()
    responder = SidecarResponder(7, told, 1000, "weather")  # type: ignore[arg-type]
    responder.progress(0.5, "half")
    responder.reply(b"1")
    responder.reply(b"2")
    responder.fail(SkillFailed())
    responder.progress(0.6, "late")
    assert [(type(line), line.cause) for line in told.lines] == [
        (ipc.ProgressCommand, 7),
        (ipc.ReplyCommand, 7),
    ]
    with pytest.raises(Cancelled):
        await responder.item(b"3")


async def test_items_wait_for_credit():
    told = Told()
    responder = SidecarResponder(7, told, 40, "weather")  # type: ignore[arg-type]
    await responder.item(b'"0123456789"')
    second = asyncio.ensure_future(responder.item(b'""', event=b'{"kind":"x"}'))
    await asyncio.sleep(0)
    assert not second.done()
    responder.grant(150)
    await second
    assert bytes(told.lines[1].payload.event) == b'{"kind":"x"}'
    third = asyncio.ensure_future(responder.item(b'"%s"' % (b"x" * 100)))
    await third
    fourth = asyncio.ensure_future(responder.item(b"1"))
    await asyncio.sleep(0)
    responder.over = True
    responder.stop()
    with pytest.raises(Cancelled):
        await fourth


def test_what_is_cancelled_from_inside_has_an_unknown_outcome():
    assert interrupted("weather").outcome == "unknown"
