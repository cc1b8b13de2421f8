"""The join string: frozen bytes, and a sentence of its own for each way to get it wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core import join as j
from chatixia.errors import BadRequest
from chatixia.identity import SignKey, derive
from chatixia.wire import signed

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/trust/join.json").read_text("utf-8"))


@pytest.mark.parametrize("case", GOLDEN)
def test_golden(case: dict[str, str]):
    found = j.decode(case["string"])
    assert ",".join(found.addresses) == case["addresses"]
    assert found.secret.hex() == case["secret"]
    assert found.mesh.hex() == case["mesh"]
    assert found.registry.hex() == case["registry"]
    assert j.encode(found) == case["string"]
    key = SignKey(derive(found.secret, signed.INVITE)).public
    assert key.hex() == case["invitation_key"]


def sample(*addresses: str) -> j.JoinString:
    return j.JoinString(addresses or ("pi.local:8443",), b"s" * 16, b"m" * 16, b"r" * 16)


HOSTS = st.sampled_from(
    ["192.168.1.20:8443", "laptop.local:8443", "[fe80::1]:1", "a:65535", "x-y.example-z.net:443"]
)
BYTES = st.binary(min_size=16, max_size=16)


@given(st.lists(HOSTS, min_size=1, max_size=8), BYTES, BYTES, BYTES)
def test_what_is_written_is_read(hosts: list[str], secret: bytes, mesh: bytes, registry: bytes):
    made = j.JoinString(tuple(hosts), secret, mesh, registry)
    text = j.encode(made)
    assert j.decode(text) == made
    assert len(text.partition("#")[2]) == 79


def test_pasting_adds_blanks_breaks_and_capitals():
    text = j.encode(sample())
    assert j.decode(f"  {text[:30]}\n   {text[30:60].upper()}\r\n{text[60:]} ") == sample()


@given(st.text(max_size=300))
def test_junk_gets_a_sentence(text: str):
    with pytest.raises(BadRequest):
        j.decode(text)


@given(st.integers(0, 78), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_changed_character_is_never_read_as_the_same(at: int, char: str):
    text = j.encode(sample())
    start = text.index("#") + 1 + at
    changed = text[:start] + char + text[start + 1 :]
    if changed == text:
        return
    try:
        found = j.decode(changed)
    except BadRequest:
        return
    assert found != sample()


CODE = j.encode(sample()).partition("#")[2]
WRONG = {
    "no mark": ("pi.local:8443", "#"),
    "nothing": ("", "#"),
    "cut off": (f"pi.local:8443#{CODE[:-3]}", "76 characters instead of 79: 3 are missing"),
    "pasted twice": (f"pi.local:8443#{CODE}{CODE[:1]}", "1 are too many"),
    "a digit that base32 has not": (f"pi.local:8443#{CODE[:5]}1{CODE[6:]}", "'1' cannot stand"),
    "another version": (f"pi.local:8443#{'c' + CODE[1:]}", "version"),
    "last character": (f"pi.local:8443#{CODE[:-1]}7", "last character"),
    "no address": (f"#{CODE}", "1 to 8 addresses"),
    "no port": (f"pi.local#{CODE}", "'pi.local' is no address"),
    "port of none": (f"pi.local:0#{CODE}", "HOST:PORT"),
    "port too high": (f"pi.local:65536#{CODE}", "HOST:PORT"),
    "a scheme": (f"https://pi.local:8443#{CODE}", "HOST:PORT"),
    "a user": (f"me@pi.local:8443#{CODE}", "HOST:PORT"),
    "a path": (f"pi.local:8443/x#{CODE}", "HOST:PORT"),
    "too many addresses": (",".join(["a:1"] * 9) + f"#{CODE}", "1 to 8 addresses"),
    "too long": ("x" * 5000, "too long"),
}


@pytest.mark.parametrize(("text", "sentence"), WRONG.values(), ids=WRONG)
def test_each_typo_has_its_sentence(text: str, sentence: str):
    with pytest.raises(BadRequest, match=sentence.replace("(", r"\(")) as caught:
        j.decode(text)
    assert CODE[10:40] not in caught.value.message


def test_the_secret_shows_in_no_repr():
    assert repr(sample()) == "JoinString(pi.local:8443#...)"


def test_parts_of_another_size_are_not_written():
    with pytest.raises(BadRequest):
        j.encode(j.JoinString(("a:1",), b"short", b"m" * 16, b"r" * 16))
    with pytest.raises(BadRequest):
        j.encode(j.JoinString(("no address",), b"s" * 16, b"m" * 16, b"r" * 16))


ADDRESSES = {
    "https://a.b:8443": "a.b:8443",
    "https://a.b": "a.b:443",
    "http://127.0.0.1": "127.0.0.1:80",
    "https://[::1]:5/x": "[::1]:5",
    "https://[::1]": "[::1]:443",
    "A.b:7": "a.b:7",
}


@pytest.mark.parametrize(("url", "address"), ADDRESSES.items())
def test_an_address_of_a_url(url: str, address: str):
    assert j.address_of(url) == address


def test_others_get_the_addresses_that_they_can_reach():
    urls = ["http://127.0.0.1:8080", "https://192.168.1.20:8443", "https://pi.local:8443"]
    assert j.best_addresses(urls) == ("192.168.1.20:8443", "pi.local:8443")
    assert j.best_addresses(urls[:1]) == ("127.0.0.1:8080",)
    assert j.is_loopback("http://localhost:8080")
    assert j.is_loopback("[::1]:8080")
    assert not j.is_loopback("https://127.0.0.1.example.net:1")
    assert [url for url in urls if j.is_local(url)] == urls[2:]
    assert not j.is_local("https://pi.local.example.net:8443")
