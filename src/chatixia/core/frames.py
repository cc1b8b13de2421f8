"""Frames and fragments as bytes (links.md section 5). Sizes are bytes after encoding.

A message is encoded once; a frame is those bytes joined. The two messages of every call are laid
down by template: a third of the time of an encoder, and the golden test holds both to one form.

Fragment: ``01``, then s, a (8 bytes each), id, i, n (4 each), big-endian, then raw bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from chatixia.errors import BadRequest, MeshError, TooLarge
from chatixia.wire import messages
from chatixia.wire.base import Count
from chatixia.wire.messages import AnyMessage, Read
from chatixia.wire.peer import FRAME_TARGET, MAX_FRAME, MAX_MESSAGE
from chatixia.wire.tasks import TOO_LARGE

HEADER: Final = 29
"""Bytes before a fragment's own."""
CHUNK: Final = FRAME_TARGET - HEADER
"""Bytes of a message that one fragment carries."""
MAX_PARTS: Final = -(-MAX_MESSAGE // CHUNK)
JSON: Final = 0x7B
FRAGMENT: Final = 0x01

TOO_LARGE_IN_ONE: Final = "The other side speaks a version that takes at most 16 KiB in a message."
MAX_COUNT: Final = 2**53

_HEADER: Final = re.compile(rb'\{"s":([0-9]{1,16}),"a":([0-9]{1,16}),"m":\[')

encode: Final = msgspec.json.Encoder().encode


class FrameIn(msgspec.Struct):
    """A JSON frame, read. ``s`` 0: unnumbered (a pure ack, ``bye``)."""

    s: Count = 0
    a: Count = 0
    m: list[AnyMessage] = []
    bye: Count | None = None
    bye_ack: Count | None = None


class FrameControl(msgspec.Struct):
    """What an unnumbered frame says besides its ack. ``bye``: idle close (links.md section 4)."""

    a: int
    bye: int | None = None
    bye_ack: int | None = None


class _Loose(msgspec.Struct):
    s: Count = 0
    a: Count = 0
    m: list[msgspec.Raw] = []


class Fragment(msgspec.Struct):
    """Part ``i`` of ``n`` of message ``id``, which is frame ``s``."""

    s: int
    a: int
    id: int
    i: int
    n: int
    data: bytes


_strict: Final = msgspec.json.Decoder(FrameIn)
_loose: Final = msgspec.json.Decoder(_Loose)


def read_frame(data: bytes) -> tuple[FrameIn, Sequence[Read]]:
    """A JSON frame and its messages. A bad message is ``Unread``, and so is a whole frame of which
    only the numbers can be read; BadRequest if not even they can."""
    try:
        read = _strict.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_loose(data)
    return read, read.m


def _read_loose(data: bytes) -> tuple[FrameIn, Sequence[Read]]:
    try:
        loose = _loose.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_header(data)
    return FrameIn(loose.s, loose.a), [messages.read(raw) for raw in loose.m]


def _read_header(data: bytes) -> tuple[FrameIn, Sequence[Read]]:
    """A frame of which only the numbers can be read. It is acknowledged and named to its sender:
    closing the path would bring the same frame again on each new one."""
    head = _HEADER.match(data)
    if head is None or not 0 < int(head[1]) < MAX_COUNT or int(head[2]) >= MAX_COUNT:
        raise BadRequest("A frame's numbers cannot be read.")
    error = BadRequest("A frame's messages cannot be read.")
    return FrameIn(int(head[1]), int(head[2])), [messages.Unread("", error, frame=int(head[1]))]


def control(frame: FrameIn) -> FrameControl | None:
    """What an unnumbered frame says besides its ack, if anything."""
    if frame.bye is None and frame.bye_ack is None:
        return None
    return FrameControl(frame.a, frame.bye, frame.bye_ack)


def count_that_fits(messages: Sequence[tuple[bytes, object]]) -> int:
    """How many of the first encoded messages one frame takes, at least one."""
    size = 0
    for count, message in enumerate(messages):
        size += len(message[0])
        if size > FRAME_TARGET:
            return max(count, 1)
    return len(messages)


def write_frame(s: int, a: int, parts: list[bytes]) -> bytes:
    """A numbered frame around encoded messages."""
    return frame(s, a, b",".join(parts))


def frame(s: int, a: int, body: bytes) -> bytes:
    """The same around messages with commas between."""
    return b'{"s":%d,"a":%d,"m":[%b]}' % (s, a, body)


def with_ack(data: bytes, a: int) -> bytes:
    """A numbered frame or fragment that goes again, with what is acknowledged by now."""
    if data[0] == FRAGMENT:
        return data[:9] + a.to_bytes(8, "big") + data[17:]
    head = _HEADER.match(data)
    assert head
    return b'{"s":%b,"a":%d,"m":[%b' % (head[1], a, data[head.end() :])


def write_ack(a: int) -> bytes:
    """A pure ack."""
    return b'{"a":%d}' % a


def write_fragment(fragment: Fragment) -> bytes:
    """A fragment as a frame of its own."""
    f = fragment
    head = (f.s << 160) | (f.a << 96) | (f.id << 64) | (f.i << 32) | f.n
    return b"\x01" + head.to_bytes(28, "big") + f.data


def read_fragment(data: bytes) -> Fragment:
    """A fragment; BadRequest when its header lies."""
    if len(data) <= HEADER or len(data) > MAX_FRAME:
        raise BadRequest("A fragment is empty or too long.")
    number = int.from_bytes
    f = Fragment(
        number(data[1:9], "big"),
        number(data[9:17], "big"),
        number(data[17:21], "big"),
        number(data[21:25], "big"),
        number(data[25:29], "big"),
        data[HEADER:],
    )
    if not (f.s and f.i < f.n <= MAX_PARTS):
        raise BadRequest("A fragment's numbers do not fit.")
    return f


def task_request(
    rid: str,
    skill: str,
    args: bytes,
    deadline_ms: int,
    path: tuple[str, ...] = (),
    traceparent: str = "",
    flags: bytes = b"",
) -> bytes:
    """``task_request``. ``args``: JSON bytes; ``flags``: more fields of the payload, encoded."""
    rest = b""
    if path:
        rest = b',"path":%b' % encode(path)
    if traceparent:
        rest += b',"traceparent":%b' % encode(traceparent)
    return b"".join(  # under half the time of a format
        (
            b'{"type":"task_request","request_id":',
            encode(rid),
            b',"deadline_ms":',
            encode(deadline_ms),
            rest,
            b',"payload":{"skill":',
            encode(skill),
            b',"args":',
            args,
            flags,
            b"}}",
        )
    )


def task_response(rid: str, result: bytes) -> bytes:
    """``task_response`` with a result in JSON bytes."""
    head, body = b'{"type":"task_response","request_id":', b',"payload":{"result":'
    return b"".join((head, encode(rid), body, result, b"}}"))


def error_response(kind: type[messages.Answer], rid: str, error: MeshError) -> bytes:
    """A response of ``kind`` (TaskAnswer, ...) that carries an error."""
    return encode(kind(request_id=rid, error=error.to_wire()))


def bounded(data: bytes, most: int = MAX_MESSAGE) -> bytes:
    """``data`` if it may travel over a link at all, whose peer takes ``most`` bytes in a message;
    TooLarge names the bounds."""
    if len(data) > most:
        raise TooLarge(TOO_LARGE if most == MAX_MESSAGE else TOO_LARGE_IN_ONE)
    return data
