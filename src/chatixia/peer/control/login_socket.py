"""The WebSocket of a login, with a short way for what the relay sends: no task, no queue.

The library hands each message to a task that waits for it, and writes each with a lock; a call over
the relay would pass through four tasks so. Here a binary message is handed on as it is read, and
what waits to be sent is written as one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import State

WRITE_BYTES: Final = 64 * 1024
"""So many bytes of messages are written as one."""

Waiting = tuple[bytes, bool]
"""A message that waits to be sent, and whether it is text."""


class LoginSocket(ClientConnection):
    """``take``: gets each binary message at once, in order; False where it is none of its own,
    which :meth:`recv` gives then, as it does all text. ``on_room``: called when :meth:`push` may
    write again. Neither may raise.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.take: Callable[[bytes], bool] = _untaken
        self.on_room: Callable[[], None] = _nothing
        self._reading = False
        self._parts: list[bytes] | None = None

    # -- what comes

    def data_received(self, data: bytes) -> None:
        """So much was read: what its messages bring about leaves as one, once all are handed on."""
        self._reading = True
        try:
            super().data_received(data)
        finally:
            self._reading = False
        if self.writable:
            self.on_room()

    def process_event(self, event: Any) -> None:
        """A frame, or the answer to the upgrade."""
        if not (isinstance(event, Frame) and self._taken(event)):
            super().process_event(event)

    def _taken(self, frame: Frame) -> bool:
        if frame.opcode is Opcode.BINARY:
            data = bytes(frame.data)
            if frame.fin:
                return self.take(data)
            self._parts = [data]
            return True
        if frame.opcode is not Opcode.CONT or self._parts is None:
            return False
        self._parts.append(bytes(frame.data))
        if frame.fin:
            whole, self._parts = b"".join(self._parts), None
            if not self.take(whole):
                super().process_event(Frame(Opcode.BINARY, whole))
        return True

    # -- what goes

    @property
    def writable(self) -> bool:
        """Whether :meth:`push` writes anything now; ``on_room`` is called when it does again."""
        return not (self._reading or self.paused) and self.protocol.state is State.OPEN

    def push(self, following: Callable[[], Waiting | None]) -> None:
        """Write the messages that ``following`` gives until there is none, or no room for more."""
        size = 0
        while self.writable and (waiting := following()) is not None:
            data, text = waiting
            if text:
                self.protocol.send_text(data)
            else:
                self.protocol.send_binary(data)
            size += len(data)
            if size >= WRITE_BYTES:
                self._write()
                size = 0
        if size:
            self._write()

    def _write(self) -> None:
        self.transport.write(b"".join(self.protocol.data_to_send()))

    def resume_writing(self) -> None:
        """The transport has sent enough."""
        super().resume_writing()
        self.on_room()


def _untaken(message: bytes) -> bool:
    return False


def _nothing() -> None:
    pass
