"""A resolver that tests hold: it says nothing until it may, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chatixia.peer.control import resolver


class Resolver:
    """In the place of the system's for names; ``answers``: what it will say, by name."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, list[str]] = {}
        self.may_speak = threading.Event()
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if resolver.is_number(host):
            return self._real(host, port, *args, **kwargs)
        self.asked.append(host)
        self.may_speak.wait(20)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [row for number in self.answers[host] for row in self._real(number, port)]


@contextlib.contextmanager
def held() -> Iterator[Resolver]:
    """One that is silent; whoever still waits at the end is let go."""
    made = Resolver()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolver, "_lookups", {})
        patch.setattr(socket, "getaddrinfo", made)
        try:
            yield made
        finally:
            made.may_speak.set()
