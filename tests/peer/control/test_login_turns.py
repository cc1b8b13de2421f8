"""Logins of one process at one registry take turns."""

from __future__ import annotations

import asyncio

from chatixia.peer.control.login_turns import LOGINS_AT_ONCE, login_turn


async def test_so_many_at_once_and_each_in_its_turn():
    inside = most = 0

    async def log_in(url: str) -> None:
        nonlocal inside, most
        async with login_turn(url):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(log_in("http://a") for _ in range(80)))
    assert most == 16


async def test_a_registry_that_hangs_holds_up_no_others_logins():
    held = [login_turn("http://hangs") for _ in range(LOGINS_AT_ONCE)]
    for turn in held:
        await turn.acquire()
    assert login_turn("http://hangs").locked() and not login_turn("http://b").locked()
    waiting = asyncio.ensure_future(login_turn("http://hangs").acquire())
    await asyncio.sleep(0)
    held[0].release()
    async with asyncio.timeout(10):
        await waiting


def test_each_loop_has_turns_of_its_own():
    async def turn() -> asyncio.Semaphore:
        return login_turn("http://a")

    assert asyncio.run(turn()) is not asyncio.run(turn())
