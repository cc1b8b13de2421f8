"""Only a description that every engine reads alike is passed on."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core.sdp import (
    DEFAULT_MAX_MESSAGE,
    MAX_LINES,
    MAX_MESSAGE,
    check_candidate,
    scan,
    strip,
)
from chatixia.errors import BadRequest, MeshError, TooLarge
from chatixia.wire.signaling import MAX_CANDIDATES, MAX_SDP

PRINT = bytes(range(32))
VALUE = ":".join(f"{byte:02X}" for byte in PRINT)
OTHER = ":".join(["AB"] * 32)
HOST = "candidate:1091831432 1 udp 2122194687 192.0.2.2 47798 typ host generation 0 network-id 1"
# As wrtc 0.1.0 writes it.
WRTC = [
    "v=0",
    "o=- 7373956908717302549 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0",
    "a=extmap-allow-mixed",
    "a=msid-semantic: WMS",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    "a=ice-ufrag:T9nX",
    "a=ice-pwd:b5/W04A4It+KLpCQ4gstkwaw",
    "a=ice-options:trickle",
    f"a=fingerprint:sha-256 {VALUE}",
    "a=setup:actpass",
    "a=mid:0",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
]


def text(lines):
    return "".join(f"{line}\r\n" for line in lines)


def without(start):
    return [line for line in WRTC if not line.startswith(start)]


def instead(start, *lines):
    at = next(n for n, line in enumerate(WRTC) if line.startswith(start))
    return [*WRTC[:at], *lines, *WRTC[at + 1 :]]


def test_an_honest_description_is_read():
    found = scan(text([*WRTC, f"a={HOST}"]))
    assert found.fingerprint == PRINT
    assert (found.setup, found.ufrag, found.max_message) == ("actpass", "T9nX", 262_144)
    assert found.candidates == (HOST,)


def test_bare_line_feeds_and_no_last_one_are_as_good():
    assert scan("\n".join(WRTC)) == scan(text(WRTC))


@pytest.mark.parametrize(
    ("lines", "size"),
    [
        ([], DEFAULT_MAX_MESSAGE),
        (["a=max-message-size:1000"], 1000),
        (["a=max-message-size:0"], MAX_MESSAGE),
        (["a=max-message-size:1073741823"], MAX_MESSAGE),
    ],
)
def test_the_peers_bound(lines, size):
    assert scan(text(instead("a=max-message-size", *lines))).max_message == size


AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111"
REFUSED = {
    "two fingerprints": instead("a=fingerprint", WRTC[12], f"a=fingerprint:sha-256 {OTHER}"),
    "the same one twice": instead("a=fingerprint", WRTC[12], WRTC[12]),
    "one at the session, one at the section": [
        *WRTC[:4],
        f"a=fingerprint:sha-256 {OTHER}",
        *WRTC[4:],
    ],
    "none": without("a=fingerprint"),
    "sha-1": instead("a=fingerprint", "a=fingerprint:sha-1 " + ":".join(["AB"] * 20)),
    "sha-256 and sha-384": instead(
        "a=fingerprint", WRTC[12], "a=fingerprint:sha-384 " + ":".join(["AB"] * 48)
    ),
    "sha-512 as long as sha-256": instead("a=fingerprint", f"a=fingerprint:sha-512 {VALUE}"),
    "a short fingerprint": instead("a=fingerprint", f"a=fingerprint:sha-256 {VALUE[:-3]}"),
    "another spelling beside it": [*WRTC, f"a=FINGERPRINT:sha-256 {OTHER}"],
    "audio": [*WRTC, AUDIO],
    "audio first": [*WRTC[:7], AUDIO, *WRTC[7:]],
    "audio instead": instead("m=", AUDIO),
    "video": [*WRTC, "m=video 9 UDP/TLS/RTP/SAVPF 96"],
    "a second data section": [*WRTC, WRTC[7]],
    "no section": without("m="),
    "an image": instead("m=", "m=image 9 udptl t38"),
    "another profile": instead("m=", "m=application 9 RTP/AVP 100"),
    "no setup": without("a=setup"),
    "two setups": [*WRTC, "a=setup:active"],
    "a strange setup": instead("a=setup", "a=setup:holdconn"),
    "no ufrag": without("a=ice-ufrag"),
    "no password": without("a=ice-pwd"),
    "a short password": instead("a=ice-pwd", "a=ice-pwd:abc"),
    "a negative size": instead("a=max", "a=max-message-size:-1"),
    "a size in words": instead("a=max", "a=max-message-size:lots"),
    "two sizes": [*WRTC, "a=max-message-size:1"],
    "no first line": WRTC[1:],
    "nothing": [],
    "a line that is none": [*WRTC, "hello"],
    "an indented line": [*WRTC, f" a=fingerprint:sha-256 {OTHER}"],
    "a line break only some see": [*WRTC, f"a=x:1\x0ba=fingerprint:sha-256 {OTHER}"],
    "another such": [*WRTC, f"a=x:1\u2028a=fingerprint:sha-256 {OTHER}"],
    "a lone carriage return": [*WRTC, f"a=x:1\ra=fingerprint:sha-256 {OTHER}"],
    "a NUL": [*WRTC, "a=x:\x00"],
    "a long line": [*WRTC, "a=x:" + "y" * 600],
    "many lines": [*WRTC, *["a=x:1"] * MAX_LINES],
    "too many candidates": [*WRTC, *[f"a={HOST}"] * (MAX_CANDIDATES + 1)],
    "a bad candidate": [*WRTC, "a=candidate:1 1 udp 1 169.254.169.254 80 typ host"],
}


@pytest.mark.parametrize("lines", REFUSED.values(), ids=REFUSED)
def test_refused_with_a_sentence(lines):
    with pytest.raises(BadRequest, match=r"^The session description .*\.$"):
        scan(text(lines))


def test_the_size_is_judged_first():
    with pytest.raises(TooLarge):
        scan("v=0\r\n" + "\x00" * MAX_SDP)


@pytest.mark.parametrize(
    "candidate",
    [
        HOST,
        "candidate:1 1 udp 1 127.0.0.1 5000 typ host",
        "candidate:1 1 udp 1 10.0.0.1 1 typ srflx raddr 192.0.2.1 rport 9",
        "candidate:1 1 udp 1 fd00::2 65535 typ relay raddr :: rport 0",
        "candidate:1 1 udp 1 2001:db8:1:2:3:4:5:6 5000 typ host",
        "candidate:1 1 udp 1 ::1 5000 typ host",
        "candidate:1 1 udp 1 ::ffff:192.0.2.1 5000 typ host",
        "candidate:1 1 udp 1 1b8d3e0a-55c1-4b6a-9a0e-2f5c1d1f0a11.local 5000 typ host",
        "candidate:1 1 tcp 1 192.0.2.2 9 typ host tcptype active generation 0",
    ],
)
def test_candidates_that_may_be_used(candidate):
    assert check_candidate(candidate) is None


@pytest.mark.parametrize(
    "candidate",
    [
        "",
        "hello",
        "candidate:1 1 udp 1 example.com 5000 typ host",
        "candidate:1 1 udp 1 localhost 5000 typ host",
        "candidate:1 1 udp 1 evil.local.example.com 5000 typ host",
        "candidate:1 1 udp 1 a.b.local 5000 typ host",
        "candidate:1 1 udp 1 224.0.0.251 5353 typ host",
        "candidate:1 1 udp 1 239.255.255.250 1900 typ host",
        "candidate:1 1 udp 1 255.255.255.255 9 typ host",
        "candidate:1 1 udp 1 0.0.0.0 9 typ host",
        "candidate:1 1 udp 1 169.254.169.254 80 typ host",
        "candidate:1 1 udp 1 ff02::1 5353 typ host",
        "candidate:1 1 udp 1 fe80::1 5000 typ host",
        "candidate:1 1 udp 1 febf::1 5000 typ host",
        "candidate:1 1 udp 1 fd00:ec2::254 80 typ host",
        "candidate:1 1 udp 1 :: 80 typ host",
        "candidate:1 1 udp 1 ::ffff:169.254.169.254 80 typ host",
        "candidate:1 1 udp 1 ::ffff:a9fe:a9fe 80 typ host",
        "candidate:1 1 udp 1 64:ff9b::169.254.169.254 80 typ host",
        "candidate:1 1 udp 1 1.2.3.4:: 80 typ host",
        "candidate:1 1 udp 1 1::2::3 80 typ host",
        "candidate:1 1 udp 1 1:2:3 80 typ host",
        "candidate:1 1 udp 1 1.2.3.256 80 typ host",
        "candidate:1 1 udp 1 0x7f.1 80 typ host",
        "candidate:1 1 udp 1 2130706433 80 typ host",
        "candidate:1 1 udp 1 192.0.2.1 0 typ host",
        "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
        "candidate:1 1 tcp 1 192.0.2.1 22 typ host tcptype passive",
        "candidate:1 1 tcp 1 192.0.2.1 22 typ host",
        "candidate:1 1 tcp 1 192.0.2.1 22 typ host tcptype active tcptype passive",
        "candidate:1 1 ssltcp 1 192.0.2.1 22 typ host",
        "candidate:1 1 udp 1 192.0.2.1 22 typ house",
        "candidate:1 1 udp 1 192.0.2.1 22 typ host\r\na=fingerprint:sha-256 AB",
        "candidate:1 1 udp 1 192.0.2.1 22 typ host " + "x y " * 200,
    ],
)
def test_candidates_that_may_not(candidate):
    assert check_candidate(candidate) is not None


def test_strip_keeps_one_sha256_line_and_all_else():
    more = [f"a=fingerprint:sha-384 {':'.join(['AB'] * 48)}", WRTC[12], "a=fingerprint:sha-512 AB"]
    assert strip(text(instead("a=fingerprint", *more))) == text(WRTC)
    assert strip(text(WRTC)) == text(WRTC)
    assert strip(text([*WRTC[:4], WRTC[12], *WRTC[4:]])).count("fingerprint") == 1


@pytest.mark.parametrize(
    "lines",
    [without("a=fingerprint"), [*WRTC, f"a=fingerprint:sha-256 {OTHER}"], []],
    ids=["none", "two different ones", "empty"],
)
def test_strip_guesses_nothing(lines):
    with pytest.raises(BadRequest):
        strip(text(lines))


@given(st.text(max_size=300))
def test_any_text_is_refused_cleanly(junk):
    with pytest.raises(MeshError):
        scan(junk)
    assert check_candidate(junk) is not None


@given(st.integers(0, len(text(WRTC)) - 1), st.characters(codec="utf-8"))
def test_one_changed_character_never_smuggles_a_second_fingerprint(where, other):
    whole = text(WRTC)
    changed = whole[:where] + other + whole[where + 1 :]
    try:
        scan(changed)
    except MeshError:
        return
    for reader in (str.splitlines, lambda s: re.split(r"\r\n|\n", s)):
        assert sum("fingerprint:" in line for line in reader(changed)) == 1
        assert sum(line.startswith("m=") for line in reader(changed)) == 1
