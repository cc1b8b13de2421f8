"""TLS of one relay stream without a socket: bytes in and out, frames in and out."""

from __future__ import annotations

import hashlib
import ssl
from collections import deque
from typing import Final

from chatixia.errors import BadRequest
from chatixia.wire.peer import MAX_FRAME
from chatixia.wire.relay import LENGTH_BYTES

RECORD_BYTES: Final = 16 * 1024
"""The most that one record of TLS carries."""


class RelayTls:
    """One end. ``ready``: the handshake is over here (a client hears of a refusal only later)."""

    def __init__(self, context: ssl.SSLContext, *, server: bool) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server)
        self._waiting: deque[bytes] = deque()
        self._clear = 0
        self._parts: list[bytes] = []
        self._have, self._need = 0, LENGTH_BYTES
        self.ready = False

    def start(self) -> None:
        """Begin the handshake: the client has something to send then."""
        self._shake()

    # -- what comes

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Bytes of the stream as they came; gives the frames that they complete.

        Raises ssl.SSLError, BadRequest for a frame that is too long, EOFError where the peer ended
        the stream.
        """
        self._incoming.write(data)
        if not self.ready and not self._shake():
            return []
        self._decrypt()
        return self._frames() if self._have >= self._need else []

    def _shake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.ready = True
        return True

    def _decrypt(self) -> None:
        """A read that would find nothing costs as much as one that does, so it is not made."""
        incoming, tls = self._incoming, self._tls
        try:
            while incoming.pending or tls.pending():
                part = tls.read(RECORD_BYTES)
                if not part:
                    raise EOFError
                self._parts.append(part)
                self._have += len(part)
        except ssl.SSLWantReadError:
            return

    def _frames(self) -> list[bytes]:
        """Parts are joined only where a frame is whole: what trickles in is not copied each
        time."""
        plain = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        frames, at, have = [], 0, self._have
        while have - at >= LENGTH_BYTES:
            size = int.from_bytes(plain[at : at + LENGTH_BYTES], "big")
            if size > MAX_FRAME:
                raise BadRequest(f"A frame on the relay has {size} bytes.")
            end = at + LENGTH_BYTES + size
            if end > have:
                self._need = end - at
                break
            frames.append(plain[at + LENGTH_BYTES : end])
            at = end
        else:
            self._need = LENGTH_BYTES
        self._parts, self._have = [plain[at:]] if at < have else [], have - at
        return frames

    # -- what goes

    def write(self, frame: bytes) -> None:
        """One frame more; it waits in :attr:`pending`, and is encrypted with what waits then."""
        self._waiting.append(len(frame).to_bytes(LENGTH_BYTES, "big"))
        self._waiting.append(frame)
        self._clear += LENGTH_BYTES + len(frame)

    @property
    def pending(self) -> int:
        """Bytes of the stream that wait to be sent; what is not encrypted yet becomes a little
        more."""
        return self._outgoing.pending + self._clear

    def take(self, size: int) -> bytes:
        """At most ``size`` of them."""
        if self._clear and self._outgoing.pending < size:
            self._encrypt(size)
        return self._outgoing.read(size)

    def _encrypt(self, size: int) -> None:
        """So many bytes at least, or all."""
        waiting, parts, clear = self._waiting, [], 0
        while waiting and clear < size:
            parts.append(part := waiting.popleft())
            clear += len(part)
        self._clear -= clear
        self._tls.write(b"".join(parts))

    def drop(self) -> None:
        """It broke: of what waits only that goes on which says so to the other end."""
        self._waiting.clear()
        self._clear = 0

    def fingerprint(self) -> bytes | None:
        """SHA-256 of the certificate that the other end used; None before it showed one."""
        der = self._tls.getpeercert(binary_form=True) if self.ready else None
        return hashlib.sha256(der).digest() if der else None
