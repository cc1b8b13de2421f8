"""Names of hosts to addresses, asked in threads that nobody has to wait for.

A resolver that does not answer blocks its caller for 10 s and more. In asyncio's own executor
it would hold the end of the loop too, and so the end of every command. Here a question has a daemon
thread, each name one at a time; who tires of waiting goes, and who asks next gets the answer.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from concurrent.futures import Future
from ipaddress import ip_address
from threading import Lock, Thread
from typing import Any, Final

from chatixia.world import REAL

LOOK_SECONDS: Final = 1.0
"""How long a name is waited for where other addresses are left, or have answered."""
REUSE_SECONDS: Final = 10.0
"""An answer that nobody waited for is the next one's, if he comes so soon."""
MAX_LOOKUPS: Final = 32


class Silence(OSError):
    """No answer in time."""

    def __init__(self) -> None:
        super().__init__(errno.ETIMEDOUT, "no resolver answers")


class _Lookup:
    """One question on its way, or its answer while nobody has had it."""

    def __init__(self) -> None:
        self.began = self.ended = REAL.boottime()
        self.answer: Future[list[str]] = Future()
        self.answer.set_running_or_notify_cancel()  # who stops waiting does not end it for others

    def run(self, host: str) -> None:
        try:
            rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            self.ended = REAL.boottime()
            self.answer.set_exception(error)
        else:
            self.ended = REAL.boottime()
            self.answer.set_result(list(dict.fromkeys(_text(row[4]) for row in rows)))


_lookups: dict[str, _Lookup] = {}
_lock = Lock()


def is_number(host: str) -> bool:
    """Whether a host is an address already, so that nobody is asked."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def addresses(host: str, timeout: float) -> list[str]:
    """A host's addresses; blocks for ``timeout`` s at most. Raises OSError, Silence after that."""
    if is_number(host):
        return [host]
    lookup = _ask(host)
    try:
        return lookup.answer.result(timeout)
    except TimeoutError:
        raise Silence from None
    finally:
        _drop_answered(host, lookup)


async def look_up(host: str, timeout: float = LOOK_SECONDS) -> list[str]:
    """The same on a loop, ``timeout`` from when the question was put: one that has had its time
    is not waited for again. A loop's end does not wait for it either."""
    if is_number(host):
        return [host]
    lookup = _ask(host)
    left = lookup.began + timeout - REAL.boottime()
    try:
        if not lookup.answer.done():
            async with asyncio.timeout(max(0.0, left)):
                return await asyncio.wrap_future(lookup.answer)
        return lookup.answer.result()
    except TimeoutError:
        raise Silence from None
    finally:
        _drop_answered(host, lookup)


def create_connection(
    address: tuple[str, int], timeout: float, source: Any = None, *, look: float | None = None
) -> socket.socket:
    """As ``socket.create_connection``, with a bound for the name too: ``look``, or ``timeout``."""
    host, port = address
    errors: list[OSError] = []
    for number in addresses(host, timeout if look is None else look):
        try:
            return socket.create_connection((number, port), timeout, source)
        except OSError as error:
            errors.append(error)
    raise telling(errors)


async def connected(numbers: Sequence[str], port: int) -> socket.socket:
    """A socket to the first of a host's addresses that takes it. Raises OSError."""
    loop = asyncio.get_running_loop()
    errors: list[OSError] = []
    for number in numbers:
        (family, kind, proto, _, where), *_ = socket.getaddrinfo(
            number, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
        sock = socket.socket(family, kind, proto)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, where)
        except OSError as error:
            sock.close()
            errors.append(error)
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise telling(errors)


def telling(errors: list[OSError]) -> OSError:
    """Of several addresses' errors one that says most: a refusal only if all refused."""
    others = (error for error in errors if not isinstance(error, ConnectionRefusedError))
    return next(others, errors[-1] if errors else Silence())


def _ask(host: str) -> _Lookup:
    """The question about a host that is on its way, or answered a moment ago; else a new one."""
    with _lock:
        now = REAL.boottime()
        for name in [name for name, entry in _lookups.items() if _stale(entry, now)]:
            del _lookups[name]
        entry = _lookups.get(host)
        if entry is None:
            if len(_lookups) >= MAX_LOOKUPS:
                raise Silence
            entry = _Lookup()
            Thread(target=entry.run, args=(host,), name="chatixia-names", daemon=True).start()
            _lookups[host] = entry
        return entry


def _stale(entry: _Lookup, now: float) -> bool:
    return entry.answer.done() and now - entry.ended > REUSE_SECONDS


def _drop_answered(host: str, lookup: _Lookup) -> None:
    """An answer serves those who waited for it; the next question is put anew."""
    with _lock:
        if lookup.answer.done() and _lookups.get(host) is lookup:
            del _lookups[host]


def _text(where: Any) -> str:
    """An address as text, with the interface that a link-local one is bound to."""
    scope = where[3] if len(where) == 4 else 0
    return f"{where[0]}%{scope}" if scope and "%" not in where[0] else str(where[0])


def _forget() -> None:
    """In a child that forked: the threads stayed with its parent."""
    global _lock
    _lock = Lock()
    _lookups.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
