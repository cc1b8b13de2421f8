"""The way to a mesh on a loop in another thread."""

from __future__ import annotations

import threading
import traceback

import pytest

from chatixia.client.bridge import Bridge, trimmed
from chatixia.client.loop import LoopThread
from chatixia.client.progress import Progress
from chatixia.errors import ConfigError, NotFound


@pytest.fixture
def bridge():
    thread, made = LoopThread(), Bridge()
    made.open(thread.start())
    yield made
    made.close()
    thread.stop()


async def lost():
    try:
        raise OSError("the cause")
    except OSError as error:
        raise NotFound("no such thing") from error


def test_an_error_shows_the_callers_lines_alone(bridge: Bridge):
    with pytest.raises(NotFound) as caught:
        bridge.run(lost)
    shown = "".join(traceback.format_exception(caught.value))
    assert "bridge.run(lost)" in shown and "no such thing" in shown and "the cause" in shown
    assert not [word for word in ("anyio", "from_thread", "concurrent", "in lost") if word in shown]
    assert shown.count("\n") < 16


def test_progress_is_heard_in_the_callers_thread(bridge: Bridge):
    heard: list[tuple[Progress, int]] = []

    async def work(hear):
        hear(Progress(0.5))
        return threading.get_ident()

    there = bridge.listen(work, lambda step: heard.append((step, threading.get_ident())))
    assert heard == [(Progress(0.5), threading.get_ident())]
    assert there != threading.get_ident()
    assert bridge.listen(work, None) == there


def test_what_a_listener_raises_ends_the_work(bridge: Bridge):
    ended = threading.Event()

    async def work(hear):
        import asyncio

        hear(Progress(0.5))
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    def stop(step: Progress) -> None:
        raise KeyError(step.fraction)

    with pytest.raises(KeyError):
        bridge.listen(work, stop)
    assert ended.wait(10)


def test_an_error_comes_through_a_listener_too(bridge: Bridge):
    with pytest.raises(NotFound):
        bridge.listen(lambda hear: lost(), lambda step: None)


def test_items_one_after_the_other(bridge: Bridge):
    async def items():
        yield 1
        yield 2

    assert list(bridge.each(items())) == [1, 2]


def test_closed_it_refuses():
    with pytest.raises(ConfigError, match="with connect_sync"):
        Bridge().run(lost)


def test_a_circle_of_causes_ends():
    one, other = NotFound("a"), NotFound("b")
    one.__cause__, other.__cause__ = other, one
    assert trimmed(one) is one
