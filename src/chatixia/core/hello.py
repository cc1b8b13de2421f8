"""``hello`` both ways on one path, whatever carries it (trust.md section 2).

A path is an engine's channel or any other stream of messages. Who drives it knows two things of
it: the SHA-256 of the certificate that the other end really used, and the messages that came.
Nothing but ``hello`` is sent or read before both verified; what comes in between waits.
"""

from __future__ import annotations

from typing import Final

import msgspec

from chatixia.errors import BadRequest, BadSignature, Denied
from chatixia.wire.base import KIB, encode
from chatixia.wire.peer import MAX_HELLO, Hello, HelloFrame

from .capabilities import agree
from .handshake import HelloBinding, check_hello, make_hello
from .membership import Member
from .pins import accept, digest_of, version_of
from .ports import LocalIdentity
from .session import LINK_WINDOW

EARLY_BYTES: Final = LINK_WINDOW + 128 * KIB
"""Held after a hello that verified, until the link opens here. The peer may have opened it already,
and then sends at once what its credit allows, with frames that cost none."""
_decoder = msgspec.json.Decoder(HelloFrame)


class HelloExchange:
    """The hellos of one path. ``member``: whom the peer's signed description proved; ``hello``: the
    peer's, once it verified; ``capabilities``: what both ends signed that they can do.

    Raises UpgradeNeeded where that is not enough for a session.
    """

    def __init__(self, binding: HelloBinding, member: Member, me: LocalIdentity) -> None:
        self.binding, self.member = binding, member
        self.capabilities = agree(binding.peer, binding.capabilities, binding.peer_capabilities)
        self.hello: Hello | None = None
        self._me = me
        self._certificate = b""
        self._early: list[bytes | str] = []
        self._early_bytes = 0

    def check_certificate(self, certificate: bytes) -> None:
        """``certificate``: SHA-256 of the one that the other end used. Raises BadSignature if it is
        another than the peer signed."""
        if not certificate or certificate != self.binding.peer_fingerprint:
            raise BadSignature(
                f"{self.binding.peer} connected with another certificate than it signed."
            )

    def greet(self, certificate: bytes, acked: int) -> bytes:
        """My hello, to be sent first. ``acked``: the peer's last frame that I have in order.

        Raises as :meth:`check_certificate` does.
        """
        self.check_certificate(certificate)
        # Kept, for an engine forgets it when the peer closes: a hello that came before the close
        # must still be judged, or the end that is second to find a lie would not name it.
        self._certificate = certificate
        book = self._me.book.revocations
        version, revoked = version_of(book), digest_of(book)
        return encode(
            make_hello(self.binding, self._me, a=acked, revocations=version, revoked=revoked)
        )

    def receive(self, data: bytes | str) -> bool:
        """A message of the peer: True for its hello, the first; what follows waits.

        Raises BadRequest for anything but a hello, Denied above :data:`EARLY_BYTES`, and what
        :func:`~chatixia.core.handshake.check_hello` and pins raise.
        """
        if self.hello is None:
            self.hello = self._check(data)
            return True
        self._early_bytes += len(data)
        if self._early_bytes > EARLY_BYTES:
            raise Denied(f"{self.binding.peer} sent more than may wait for the link.")
        self._early.append(data)
        return False

    def _check(self, data: bytes | str) -> Hello:
        peer, book = self.binding.peer, self._me.book
        if len(data) > MAX_HELLO:
            raise BadRequest(f"The first message of {peer} is too long for a hello.")
        try:
            frame = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadRequest(f"The first message of {peer} is no hello.") from None
        hello = check_hello(
            frame,
            self.binding,
            self.member,
            certificate=self._certificate,
            verify=self._me.verify,
            now=self._me.clock.now(),
            revocations=book.revocations,
        )
        accept(self.member, book)
        return hello

    @property
    def waiting(self) -> int:
        """Messages that came after hello and wait for a reader."""
        return len(self._early)

    def take_early(self) -> list[bytes | str]:
        """What waited, in order; nothing waits any more."""
        early, self._early = self._early, []
        return early
