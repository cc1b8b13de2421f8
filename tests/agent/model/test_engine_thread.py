"""One thread for all users, there from the first to the last."""

from __future__ import annotations

import asyncio
import threading

from chatixia.agent.model.engine_thread import EngineThread


def names() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_one_thread_from_the_first_user_to_the_last():
    shared = EngineThread()
    before = names().count("chatixia-model")
    first = shared.enter()
    assert shared.enter() is first
    assert names().count("chatixia-model") == before + 1
    shared.leave()
    assert first.is_running()
    shared.leave()
    assert first.is_closed()
    assert names().count("chatixia-model") == before


def test_it_starts_again():
    shared = EngineThread()
    shared.enter()
    shared.leave()
    loop = shared.enter()
    assert asyncio.run_coroutine_threadsafe(asyncio.sleep(0, 7), loop).result(5) == 7
    shared.leave()
