"""Argon2 off the loop, a few at once, and nobody learns by the clock who there is."""

from __future__ import annotations

import asyncio

import pytest

from chatixia.errors import Overloaded, Unprocessable
from chatixia.registry.people import passwords as module
from chatixia.registry.people.passwords import Passwords, check_new


async def test_a_hash_fits_its_password_alone():
    made = Passwords()
    hash_ = await made.hash("a horse that reads")
    assert hash_.startswith("$argon2id$") and "horse" not in hash_
    assert await made.fits(hash_, "a horse that reads")
    assert not await made.fits(hash_, "a horse that reads ")
    assert not await made.fits("", "a horse that reads")
    assert not await made.fits("no hash at all", "x")
    assert not made.outdated(hash_)
    made.close()


async def test_the_loop_goes_on_while_passwords_are_computed():
    made = Passwords()
    await made.fits("", "warm up")
    checks = [asyncio.create_task(made.fits("", f"guess {n}")) for n in range(12)]
    turns = 0
    while not all(check.done() for check in checks):
        await asyncio.sleep(0.001)
        turns += 1
    made.close()
    assert turns > 3 * len(checks), "on the loop there would be a turn for each hash at most"


async def test_no_more_wait_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "WAITING", 1)
    made = Passwords()
    results = await asyncio.gather(
        *(made.hash(f"password {n}") for n in range(9)), return_exceptions=True
    )
    assert sum(isinstance(result, Overloaded) for result in results) == 6
    made.close()


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaa", "annabelle-marie"])
def test_a_password_that_is_easily_guessed_is_refused(password: str):
    with pytest.raises(Unprocessable):
        check_new(password, "hub~annabelle-marie")
