"""TLS of one relay stream without a socket: bytes in and out, frames in and out."""

from __future__ import annotations

import hashlib
import ssl
from typing import Final

from chatixia.errors import BadRequest
from chatixia.wire.peer import MAX_FRAME
from chatixia.wire.relay import LENGTH_BYTES

READ_BYTES: Final = 64 * 1024


class RelayTls:
    """One end. ``ready``: the handshake is over here (a client hears of a refusal only later)."""

    def __init__(self, context: ssl.SSLContext, *, server: bool) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server)
        self._plain = bytearray()
        self.ready = False

    def start(self) -> None:
        """Begin the handshake: the client has something to send then."""
        self._shake()

    def feed(self, data: bytes) -> list[bytes]:
        """Bytes of the stream as they came; gives the frames that they complete.

        Raises ssl.SSLError, BadRequest for a frame that is too long, EOFError where the peer ended
        the stream.
        """
        self._incoming.write(data)
        if not self.ready and not self._shake():
            return []
        self._decrypt()
        return self._frames()

    def _shake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.ready = True
        return True

    def _decrypt(self) -> None:
        try:
            while part := self._tls.read(READ_BYTES):
                self._plain += part
        except ssl.SSLWantReadError:
            return
        raise EOFError

    def _frames(self) -> list[bytes]:
        plain, frames, at = self._plain, [], 0
        while len(plain) - at >= LENGTH_BYTES:
            size = int.from_bytes(plain[at : at + LENGTH_BYTES], "big")
            if size > MAX_FRAME:
                raise BadRequest(f"A frame on the relay has {size} bytes.")
            end = at + LENGTH_BYTES + size
            if end > len(plain):
                break
            frames.append(bytes(plain[at + LENGTH_BYTES : end]))
            at = end
        del plain[:at]
        return frames

    def write(self, frame: bytes) -> None:
        """Encrypt one frame; it waits in :attr:`pending`."""
        self._tls.write(len(frame).to_bytes(LENGTH_BYTES, "big") + frame)

    @property
    def pending(self) -> int:
        """Bytes of the stream that wait to be sent."""
        return self._outgoing.pending

    def take(self, size: int) -> bytes:
        """At most ``size`` of them."""
        return self._outgoing.read(size)

    def fingerprint(self) -> bytes | None:
        """SHA-256 of the certificate that the other end used; None before it showed one."""
        der = self._tls.getpeercert(binary_form=True) if self.ready else None
        return hashlib.sha256(der).digest() if der else None
