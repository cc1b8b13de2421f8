"""What leaves over a login: at once or with the loop's turn, all of it before the end."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.protocol import State

from chatixia.peer.control.login_writer import LoginWriter


class Socket:
    """A WebSocket that writes one message at a time. ``room``: how many more it takes."""

    def __init__(self, room: int = 100) -> None:
        self.room, self.sent, self.closed = room, list[bytes](), False
        self.state = State.OPEN
        self.on_room: Any = None

    @property
    def writable(self) -> bool:
        return self.room > 0

    def push(self, following: Any) -> None:
        while self.writable and (waiting := following()) is not None:
            self.room -= 1
            self.sent.append(waiting[0])

    async def close(self) -> None:
        self.closed = True


class Login:
    """A writer with what it is made of."""

    def __init__(self, *messages: bytes) -> None:
        self.wake, self.over, self.left = asyncio.Event(), False, list(messages)
        self.writer = LoginWriter(self.wake, self.following, lambda: self.over)

    def following(self) -> Any:
        self.writer.push()  # as a channel does that hears of room while its message is taken
        return (self.left.pop(0), False) if self.left else None


async def test_all_that_waits_leaves_before_the_end_also_where_room_is_late():
    login, socket = Login(b"1", b"2", b"3"), Socket(room=2)
    login.over = True
    running = asyncio.ensure_future(login.writer.run(socket))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert socket.sent == [b"1", b"2"] and not socket.closed
    socket.room = 10
    socket.on_room()
    await asyncio.wait_for(running, 5)
    assert socket.sent == [b"1", b"2", b"3"] and socket.closed


async def test_a_push_writes_at_once_and_one_within_another_is_part_of_it():
    login, socket = Login(), Socket()
    login.writer.push()  # nothing stands
    running = asyncio.ensure_future(login.writer.run(socket))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    login.left += [b"1", b"2"]
    login.writer.push()
    assert socket.sent == [b"1", b"2"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    login.left.append(b"late")
    login.writer.push()
    assert socket.sent == [b"1", b"2"]


async def test_a_socket_that_has_ended_is_not_waited_for():
    login, socket = Login(b"1"), Socket(room=0)
    login.over, socket.state = True, State.CLOSED
    await asyncio.wait_for(login.writer.run(socket), 5)  # type: ignore[arg-type]
    assert not socket.sent and socket.closed
