"""The signed strings: frozen to the byte, and never the same for two different meanings."""

from __future__ import annotations

import functools
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.errors import BadRequest
from chatixia.wire import signed as s
from chatixia.wire.peer import Hello
from chatixia.wire.signaling import Answer, Offer, RelayOpen, RelayReady

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/trust/signed.json").read_text("utf-8"))
FIELDS = {
    "peer_id": "a",
    "target_id": "b",
    "incarnation": "1" * 16,
    "peer_incarnation": "2" * 16,
    "attempt": 3,
    "nonce": s.b64(b"n" * 16),
    "versions": (1,),
    "capabilities": ["session/1", "credit/1"],
}
BOUND = {"offer_nonce": s.b64(b"o" * 16), "offer_hash": s.b64(b"h" * 32)}
SIGNAL = FIELDS | {"sdp": "v=0\r\n"}
RELAY = FIELDS | {"certificate": s.b64(b"\x30\x82")}
OPENINGS = (
    Offer(**SIGNAL),
    Answer(**SIGNAL | BOUND),
    RelayOpen(**RELAY),
    RelayReady(**RELAY, open=s.b64(b"h" * 32)),
)
HELLO = {
    "path": "direct",
    "mesh": "m" * 64,
    "side": "offerer",
    "source": "a",
    "target": "b",
    "nonce": s.b64(b"n" * 16),
    "peer_nonce": s.b64(b"p" * 16),
    "incarnation": "1" * 16,
    "peer_incarnation": "2" * 16,
    "fingerprint": s.b64(b"f" * 32),
    "peer_fingerprint": s.b64(b"g" * 32),
    "offer_hash": s.b64(b"o" * 32),
    "answer_hash": s.b64(b"w" * 32),
    "version": 1,
    "capabilities": ["session/1"],
    "peer_capabilities_hash": s.b64(b"c" * 32),
}
MADE: dict[str, Callable[[], bytes]] = {
    **{s.kind(each): functools.partial(s.opening, each, "m" * 64) for each in OPENINGS},
    "hello": lambda: s.hello(Hello(**HELLO)),
    "login": lambda: s.login(
        mesh="m" * 64, peer_id="a", incarnation="1" * 16, nonce=b"n" * 16, my_nonce=b"y" * 16
    ),
    "registry": lambda: s.registry(mesh="m" * 64, nonce=b"n" * 16, certificate=b"c" * 32),
    "join": lambda: s.join(mesh="m" * 64, name="pi", nonce=b"n" * 16),
    "pair": lambda: s.pair(
        mesh="m" * 64, registry=b"r" * 32, name="pi", seal=b"s" * 32, nonce=b"n" * 16
    ),
    "pairing": lambda: s.pairing(mesh="m" * 64, pairing_id="1" * 16, nonce=b"n" * 16),
}


@pytest.mark.parametrize("name", MADE)
def test_golden(name: str):
    assert MADE[name]().hex() == GOLDEN["strings"][name]


def test_contexts_are_frozen_and_apart():
    assert {name: getattr(s, name) for name in GOLDEN["contexts"]} == GOLDEN["contexts"]
    assert len(set(s.CONTEXTS)) == len(s.CONTEXTS) == len(GOLDEN["contexts"])
    assert all("\0" not in context for context in s.CONTEXTS)


def test_no_two_kinds_make_the_same_string():
    made = [build() for build in MADE.values()]
    assert len(set(made)) == len(made)


OTHER: dict[type, Callable[[Any], Any]] = {
    str: lambda value: value + "x",
    int: lambda value: value + 1,
    bytes: lambda value: value + b"x",
    tuple: lambda value: (*value, 2),
    list: lambda value: [*value, "x"],
}


UNSIGNED = {"chain", "sig"}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (each, field)
        for each in OPENINGS
        for field in each.__struct_fields__
        if field not in UNSIGNED
    ],
    ids=lambda value: value if isinstance(value, str) else s.kind(value),
)
def test_every_field_of_what_opens_a_path_is_covered(message: s.Opening, field: str):
    value = getattr(message, field)
    changed: Any = s.b64(b"z" * 16) if field in B64_FIELDS else OTHER[type(value)](value)
    other = msgspec.structs.replace(message, **{field: changed})
    assert s.opening(other, "m" * 64) != s.opening(message, "m" * 64)
    assert s.opening(message, "n" * 64) != s.opening(message, "m" * 64)


@pytest.mark.parametrize("field", HELLO)
def test_every_field_of_a_hello_is_covered_but_the_counters(field: str):
    value = HELLO[field]
    changed: Any = s.b64(b"z" * 16) if field in B64_FIELDS else OTHER[type(value)](value)
    assert s.hello(Hello(**(HELLO | {field: changed}))) != s.hello(Hello(**HELLO))


B64_FIELDS = (
    "certificate",
    "open",
    "offer_nonce",
    "nonce",
    "peer_nonce",
    "fingerprint",
    "peer_fingerprint",
    "offer_hash",
    "answer_hash",
    "peer_capabilities_hash",
)


def test_the_counters_of_a_hello_may_move():
    moved = Hello(**HELLO, a=7, policy=8, revocations=9)
    assert s.hello(moved) == s.hello(Hello(**HELLO))


def read(data: bytes) -> list[bytes]:
    """Undo ``fields``: possible, so no two lists make one string."""
    out = []
    while data:
        size = int.from_bytes(data[:4], "big")
        out.append(data[4 : 4 + size])
        data = data[4 + size :]
    return out


@given(st.lists(st.one_of(st.text(), st.integers(), st.binary())))
def test_fields_can_be_read_back(values: list[str | int | bytes]):
    wanted = [v if isinstance(v, bytes) else str(v).encode() for v in values]
    assert read(s.fields(values)) == wanted


@given(st.lists(st.text()), st.lists(st.text()))
def test_two_lists_of_capabilities_have_two_hashes(one: list[str], other: list[str]):
    assert (s.capabilities_hash(one) == s.capabilities_hash(other)) is (one == other)


@given(st.binary())
def test_base64url(data: bytes):
    text = s.b64(data)
    assert text == urlsafe_b64encode(data).decode().rstrip("=")
    assert s.unb64(text) == data


@pytest.mark.parametrize("text", ["A", "AA==", "AB", "A A", "A+/A", "é", "AAA\n", "AAAA="])
def test_only_one_spelling_of_base64url_is_taken(text: str):
    with pytest.raises(BadRequest):
        s.unb64(text)


def test_hashes():
    assert s.digest("v=0") == hashlib.sha256(b"v=0").digest()
    assert s.digest("") == b""
    assert s.key_hash(b"k" * 32) == hashlib.sha256(b"k" * 32).digest()
