"""The join string: where the registry is, a secret, and what to expect there (trust.md section 1).

``HOST:PORT[,...]#`` and the lower-case base32 of one version byte, 16 secret bytes, the first 16
bytes of the mesh id and the first 16 of SHA-256 of the registry's identity key: 79 characters.
People type and paste it, so each way to get it wrong has a sentence of its own.
"""

from __future__ import annotations

import re
from base64 import b32decode, b32encode
from collections.abc import Sequence
from typing import Final

import msgspec

from chatixia.errors import BadRequest

VERSION: Final = 1
PART: Final = 16
"""Bytes of the secret, and of each of the two hashes."""
LENGTH: Final = 79
"""Characters after the ``#``."""
MAX_ADDRESSES: Final = 8
MAX_STRING: Final = 2048

_ALPHABET: Final = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_HOST = re.compile(
    r"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)):(\d{1,5})\Z"
)


class JoinString(msgspec.Struct, frozen=True):
    """What a join string says. ``addresses``: ``host:port``, IPv6 in brackets; ``secret``: 16
    bytes; ``mesh``: first 16 bytes of the mesh id; ``registry``: first 16 of SHA-256 of its key."""

    addresses: tuple[str, ...]
    secret: bytes
    mesh: bytes
    registry: bytes

    def __repr__(self) -> str:
        return f"JoinString({','.join(self.addresses)}#...)"


def encode(join: JoinString) -> str:
    """``join`` as text. Raises BadRequest for what could not be read back."""
    parts = (join.secret, join.mesh, join.registry)
    if any(len(part) != PART for part in parts):
        raise BadRequest(f"A join string is made of parts of {PART} bytes.")
    head = ",".join(_addresses(",".join(join.addresses)))
    code = b32encode(bytes([VERSION]) + b"".join(parts)).decode().rstrip("=").lower()
    return f"{head}#{code}"


def decode(text: str) -> JoinString:
    """What ``text`` says; blanks and line breaks from pasting are ignored.

    Raises BadRequest with a sentence that says what is wrong.
    """
    if len(text) > MAX_STRING:
        raise BadRequest("This is too long for a join string.")
    head, mark, code = "".join(text.split()).lower().partition("#")
    if not mark:
        raise BadRequest(
            "A join string has a # between address and code; was it cut off, or not in quotes?"
        )
    raw = _code(code)
    return JoinString(_addresses(head), raw[1:17], raw[17:33], raw[33:49])


def _code(code: str) -> bytes:
    if odd := sorted(set(code) - _ALPHABET):
        raise BadRequest(
            f"{odd[0]!r} cannot stand in a join string's code: it has only a-z and 2-7."
        )
    if len(code) != LENGTH:
        verb = "missing" if len(code) < LENGTH else "too many"
        raise BadRequest(
            f"The code after # has {len(code)} characters instead of {LENGTH}:"
            f" {abs(LENGTH - len(code))} are {verb}."
        )
    raw = b32decode(code.upper() + "=" * (-LENGTH % 8))
    if raw[0] != VERSION:
        raise BadRequest(f"This join string is of version {raw[0]}; upgrade chatixia-mesh.")
    if b32encode(raw).decode().rstrip("=").lower() != code:
        raise BadRequest("The last character of the join string is wrong.")
    return raw


def _addresses(head: str) -> tuple[str, ...]:
    addresses = tuple(part for part in head.split(",") if part)
    if not 1 <= len(addresses) <= MAX_ADDRESSES:
        raise BadRequest(f"A join string names 1 to {MAX_ADDRESSES} addresses before the #.")
    for address in addresses:
        match = _HOST.match(address)
        if match is None or not 0 < int(match[3]) < 65_536:
            raise BadRequest(f"{address[:80]!r} is no address; it must be HOST:PORT.")
    return addresses


def read_address(text: str) -> tuple[str, int]:
    """The host (IPv6 in brackets) and port, 0 for none, of ``HOST[:PORT]``. Raises BadRequest."""
    address = "".join(text.split()).lower()
    match = _HOST.match(address) or _HOST.match(f"{address}:0")
    if match is None or int(match[3]) > 65_535:
        raise BadRequest(f"{text[:80]!r} is no address; it must be HOST or HOST:PORT.")
    return address[: match.start(3) - 1], int(match[3])


def address_of(url: str) -> str:
    """``host:port`` of a registry's base URL, as a join string holds it."""
    scheme, mark, rest = url.partition("://")
    host = (rest if mark else url).partition("/")[0].lower()
    if re.search(r":\d+\Z", host) and not host.endswith("]"):
        return host
    return f"{host}:{80 if scheme == 'http' else 443}"


def is_loopback(address: str) -> bool:
    """Whether ``host:port`` (or a URL) is this machine alone."""
    host = address_of(address).rpartition(":")[0]
    return host in ("localhost", "[::1]") or re.match(r"127(\.\d{1,3}){3}\Z", host) is not None


def is_local(address: str) -> bool:
    """Whether ``host:port`` (or a URL) is a name that only mDNS knows: not every network does."""
    return address_of(address).rpartition(":")[0].endswith(".local")


def best_addresses(urls: Sequence[str]) -> tuple[str, ...]:
    """The addresses to put in a join string: those others can reach, else this machine's own."""
    addresses = [address_of(url) for url in urls]
    far = [address for address in addresses if not is_loopback(address)]
    return tuple(dict.fromkeys(far or addresses))[:MAX_ADDRESSES]
