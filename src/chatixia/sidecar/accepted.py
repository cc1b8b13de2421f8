"""A program's connection at the sidecar's end: whose it must be, and when its commands wait."""

from __future__ import annotations

import asyncio
from abc import abstractmethod

from . import sockets
from .lines import LineProtocol


class AcceptedConnection(LineProtocol):
    """Of a program that does not read, nothing is read either: its own commands wait too."""

    def pause_writing(self) -> None:
        """asyncio's word."""
        super().pause_writing()
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def drained(self) -> None:
        """It reads again."""
        if self.transport is not None:
            self.transport.resume_reading()


class UnixConnection(AcceptedConnection):
    """One over the Unix socket: the system says whose it is, and only this user's is taken."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's word."""
        super().connection_made(transport)
        if sockets.is_own(transport):
            self.admitted()
        else:
            self.abort()

    @abstractmethod
    def admitted(self) -> None:
        """It is this user's."""
