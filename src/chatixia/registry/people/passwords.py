"""Passwords of people: argon2id, computed in a thread of its own, a few at a time.

One hash takes 64 MiB and some tens of milliseconds on purpose; the loop must never wait for it, and
whoever guesses must not fill the memory.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chatixia.errors import Overloaded, Unprocessable
from chatixia.wire.people import MIN_PASSWORD

Result = TypeVar("Result")
AT_ONCE: Final = 2
"""Passwords computed at once."""
WAITING: Final = 32
"""Passwords that wait for that."""


class Passwords:
    """Hashes and checks. ``close`` at the end."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, "chatixia-password")
        self._running = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """The argon2 hash to keep. Raises Overloaded."""
        return await self._run(partial(self._hasher.hash, password))

    async def fits(self, hash_: str, password: str) -> bool:
        """Whether ``password`` is the one behind ``hash_``. An empty hash fits none, and takes as
        long to say so: nobody learns by the clock who there is. Raises Overloaded."""
        if not hash_ and not self._nobody:
            self._nobody = await self.hash("nobody has this password")
        right = await self._run(partial(self._verify, hash_ or self._nobody, password))
        return right and bool(hash_)

    def outdated(self, hash_: str) -> bool:
        """Whether it was made with other parameters than those of today."""
        return self._hasher.check_needs_rehash(hash_)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, hash_: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash_, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: partial[Result]) -> Result:
        if self._running >= AT_ONCE + WAITING:
            raise Overloaded("Too many people log in at once; try again in a moment.")
        self._running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._running -= 1


def check_new(password: str, person: str) -> None:
    """Raise Unprocessable for a password that is too easily guessed."""
    if len(password) < MIN_PASSWORD:
        raise Unprocessable(f"A password has at least {MIN_PASSWORD} characters.")
    if len(set(password)) < 4 or password.lower() in person:
        raise Unprocessable("This password is too easily guessed; take another.")
