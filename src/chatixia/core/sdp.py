"""A line scan of session descriptions, done before any engine sees one (trust.md section 2).

Engines disagree about what a doubtful description means: wrtc obeys the last media-level
fingerprint, others the first; aiortc splits lines at characters that libwebrtc takes as text.
So nothing doubtful is passed on: printable ASCII only, one application section, one sha-256
fingerprint, and candidates only of the kinds an honest peer has.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

import msgspec

from chatixia.errors import BadRequest, TooLarge
from chatixia.wire.signaling import MAX_CANDIDATES, MAX_SDP

DEFAULT_MAX_MESSAGE: Final = 65_536
"""What a description promises that names no size (RFC 8841 section 6.1)."""
MAX_MESSAGE: Final = 262_144
"""The most that any engine here sends as one message, in bytes."""
MAX_LINES: Final = 128
MAX_LINE: Final = 512

_LINE = re.compile(r"[a-z]=[\x20-\x7e]*\Z")
_MEDIA = re.compile(r"m=application \d{1,5} UDP/DTLS/SCTP webrtc-datachannel\Z")
_FINGERPRINT = re.compile(r"sha-256 ((?:[0-9a-f]{2}:){31}[0-9a-f]{2})\Z")
_ICE = re.compile(r"[A-Za-z0-9+/]{4,256}\Z")
_SIZE = re.compile(r"\d{1,10}\Z")
_CANDIDATE = re.compile(
    r"candidate:[A-Za-z0-9+/]{1,32} [12] (udp|tcp) \d{1,10} (\S{1,128}) (\d{1,5})"
    r" typ (host|srflx|prflx|relay)((?: [\x21-\x7e]+ [\x21-\x7e]+)*)\Z"
)
_LOCAL_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\.local\Z")
_V4 = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\Z")
_HEXTET = re.compile(r"[0-9a-f]{1,4}\Z")
_METADATA_V6 = (0xFD00, 0x0EC2, 0, 0, 0, 0, 0, 0x0254)
_SETUPS = ("actpass", "active", "passive")


class SessionDescription(msgspec.Struct, frozen=True):
    """What a checked description says.

    ``fingerprint``: 32 bytes, SHA-256 of the certificate it promises. ``max_message``: bytes
    that its writer takes as one message, never above :data:`MAX_MESSAGE`. ``candidates``: the
    candidates it holds, as ``candidate:...`` without ``a=``.
    """

    fingerprint: bytes
    setup: str
    ufrag: str
    max_message: int
    candidates: tuple[str, ...] = ()


class _Fields:
    """The attribute lines of a description by lower-case name."""

    def __init__(self, lines: list[str]) -> None:
        self._values: dict[str, list[str]] = {}
        for line in lines:
            if line.startswith("a="):
                name, _, value = line[2:].partition(":")
                self._values.setdefault(name.lower(), []).append(value)

    def all(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return self._values.get(name, [])

    def one(self, name: str) -> str:
        """The value of an attribute that must be there once."""
        values = self.all(name)
        if len(values) != 1:
            _refuse(f"has {len(values)} {name} lines instead of one")
        return values[0]


def scan(sdp: str) -> SessionDescription:
    """Check a peer's offer or answer and read what the link needs from it.

    Raises TooLarge above ``MAX_SDP`` characters and BadRequest, one sentence, for anything but
    one data section with one sha-256 fingerprint (trust.md section 2; RFC 8122, RFC 8839,
    RFC 8841).
    """
    lines = _lines(sdp)
    _check_media(lines)
    fields = _Fields(lines)
    return SessionDescription(
        fingerprint=_fingerprint(fields.one("fingerprint")),
        setup=_setup(fields.one("setup")),
        ufrag=_ice(fields),
        max_message=_max_message(fields.all("max-message-size")),
        candidates=_candidates(fields.all("candidate")),
    )


def strip(sdp: str) -> str:
    """Our own engine's description with every fingerprint line gone but one sha-256.

    For the sender, before it signs: aiortc also writes sha-384 and sha-512 lines. Raises
    BadRequest when there is no sha-256 line, or two different ones.
    """
    lines = sdp.splitlines()
    prints = {line.lower(): line for line in lines if line.lower().startswith("a=fingerprint:")}
    fingerprints = [
        line for low, line in prints.items() if low.startswith("a=fingerprint:sha-256 ")
    ]
    if len(fingerprints) != 1:
        _refuse(f"has {len(fingerprints)} sha-256 fingerprints instead of one")
    first = lines.index(fingerprints[0])
    return "".join(
        f"{line}\r\n" for n, line in enumerate(lines) if n == first or line.lower() not in prints
    )


def check_candidate(text: str) -> str | None:
    """Why a trickled candidate is refused, as the rest of a sentence; None: it may be used.

    Only IP literals and ``.local`` names, never multicast, link-local or metadata addresses, and
    no TCP listener: a candidate makes us send packets to whatever it names (trust.md section 2).
    """
    match = _CANDIDATE.match(text) if len(text) <= MAX_LINE else None
    if match is None:
        return "is malformed"
    transport, host, port, _, rest = match.groups()
    if transport == "tcp" and (" tcptype active" not in rest or rest.count(" tcptype ") != 1):
        return "names a TCP listener"
    if not 0 < int(port) < 65_536:
        return "has an impossible port"
    return _check_host(host.lower())


def _refuse(what: str) -> NoReturn:
    raise BadRequest(f"The session description {what}.")


def _lines(sdp: str) -> list[str]:
    if len(sdp) > MAX_SDP:
        raise TooLarge(f"The session description is longer than {MAX_SDP} characters.")
    lines = sdp.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) > MAX_LINES:
        _refuse(f"has more than {MAX_LINES} lines")
    for line in lines:
        if len(line) > MAX_LINE or _LINE.match(line) is None:
            _refuse("has a malformed line")
    if lines[0] != "v=0":
        _refuse("does not start with v=0")
    return lines


def _check_media(lines: list[str]) -> None:
    media = [line for line in lines if line.startswith("m=")]
    if len(media) != 1:
        _refuse(f"has {len(media)} media sections instead of one")
    if _MEDIA.match(media[0]) is None:
        _refuse("has a section that is not a data channel's")


def _fingerprint(value: str) -> bytes:
    match = _FINGERPRINT.match(value.lower())
    if match is None:
        _refuse("has a fingerprint that is not sha-256")
    return bytes.fromhex(match[1].replace(":", ""))


def _setup(value: str) -> str:
    if value not in _SETUPS:
        _refuse("has an unknown setup role")
    return value


def _ice(fields: _Fields) -> str:
    ufrag, password = fields.one("ice-ufrag"), fields.one("ice-pwd")
    if _ICE.match(ufrag) is None or _ICE.match(password) is None or len(password) < 22:
        _refuse("has malformed ICE credentials")
    return ufrag


def _max_message(values: list[str]) -> int:
    if not values:
        return DEFAULT_MAX_MESSAGE
    if len(values) != 1 or _SIZE.match(values[0]) is None:
        _refuse("has a malformed max-message-size")
    # 0 means any size (RFC 8841 section 6.1).
    return min(int(values[0]) or MAX_MESSAGE, MAX_MESSAGE)


def _candidates(values: list[str]) -> tuple[str, ...]:
    if len(values) > MAX_CANDIDATES:
        _refuse(f"has more than {MAX_CANDIDATES} candidates")
    candidates = tuple(f"candidate:{value}" for value in values)
    for text in candidates:
        if reason := check_candidate(text):
            _refuse(f"has a candidate that {reason}")
    return candidates


def _check_host(host: str) -> str | None:
    if _LOCAL_NAME.match(host):
        return None
    groups = _ipv6(host) if ":" in host else None
    octets = _mapped(groups) if groups else _ipv4(host)
    if octets is not None:
        return _check_v4(octets)
    return _check_v6(groups) if groups else "names a host instead of an address"


def _check_v4(octets: tuple[int, ...]) -> str | None:
    if octets[:2] == (169, 254):
        return "names a link-local address"
    if octets[0] == 0 or octets[0] >= 224:
        return "names an address that is no host's"
    return None


def _check_v6(groups: tuple[int, ...]) -> str | None:
    if groups[0] & 0xFFC0 == 0xFE80 or groups == _METADATA_V6:
        return "names a link-local address"
    if groups[0] >= 0xFF00 or not any(groups):
        return "names an address that is no host's"
    return None


def _ipv4(text: str) -> tuple[int, ...] | None:
    match = _V4.match(text)
    octets = tuple(int(part) for part in match.groups()) if match else ()
    return octets if octets and max(octets) < 256 else None


def _ipv6(text: str) -> tuple[int, ...] | None:
    """The eight groups of an IPv6 literal (RFC 4291 section 2.2), or None."""
    head, gap, tail = text.partition("::")
    left, right = _hextets(head), _hextets(tail)
    if left is None or right is None or (gap and "." in head):
        return None
    missing = 8 - len(left) - len(right)
    if (missing < 1) if gap else (missing != 0):
        return None
    return (*left, *([0] * missing), *right)


def _hextets(text: str) -> tuple[int, ...] | None:
    if not text:
        return ()
    parts = text.split(":")
    dotted = _ipv4(parts[-1])
    if dotted:
        parts[-1:] = [f"{dotted[0] << 8 | dotted[1]:x}", f"{dotted[2] << 8 | dotted[3]:x}"]
    if not all(_HEXTET.match(part) for part in parts):
        return None
    return tuple(int(part, 16) for part in parts)


def _mapped(groups: tuple[int, ...]) -> tuple[int, ...] | None:
    """The IPv4 address inside an IPv4-mapped or NAT64 one: the same rules hold for it."""
    if groups[:6] not in ((0, 0, 0, 0, 0, 0xFFFF), (0x64, 0xFF9B, 0, 0, 0, 0)):
        return None
    return (groups[6] >> 8, groups[6] & 255, groups[7] >> 8, groups[7] & 255)
