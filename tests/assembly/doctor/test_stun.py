"""STUN messages as RFC 5769's vectors and our own server have them; junk is nothing."""

from __future__ import annotations

import pytest

from chatixia.assembly.doctor import stun
from chatixia.registry.live.stun import answer

TRANSACTION = bytes(range(12))


def test_our_own_server_reads_a_question_and_we_its_answer():
    asked = stun.message(stun.BINDING, TRANSACTION, [])
    told = answer(asked, ("192.0.2.7", 4321))
    assert told is not None
    found = stun.read(told)
    assert found and found.succeeded and found.transaction == TRANSACTION
    assert found.mapped == ("192.0.2.7", 4321) and found.error == 0


def test_an_ipv6_address():
    told = answer(stun.message(stun.BINDING, TRANSACTION, []), ("2001:db8::7", 9))
    assert told and (found := stun.read(told)) and found.mapped == ("2001:db8::7", 9)


def test_the_long_term_key_and_integrity_of_rfc_5769():
    """Section 2.4: user, realm, password and the bytes of a request with them."""
    login = stun.TurnLogin(
        "\u30de\u30c8\u30ea\u30c3\u30af\u30b9",
        "TheMatrIX",
        b"example.org",
        b"f//499k954d6OL34oL9FSTvy64sA",
    )
    made = stun.message(stun.BINDING, bytes.fromhex("78ad3433c6ad72c029da412e"), [], login)
    assert made[-20:].hex() == "f67024656dd64a3e02b8e0712e85c9a28ca89666"
    found = stun.read(made)
    assert found and found.attributes[stun.REALM] == b"example.org"


def test_an_error_has_its_code():
    refused = stun.message(
        stun.ALLOCATE | stun.FAILURE, TRANSACTION, [(stun.ERROR_CODE, b"\0\0\4\1")]
    )
    found = stun.read(refused)
    assert found and not found.succeeded and found.error == 401 and found.mapped is None


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"x" * 19,
        bytes(20),
        stun.message(stun.BINDING, TRANSACTION, []) + b"x",
        stun.message(stun.BINDING, TRANSACTION, [])[:2] + b"\0\x04" + bytes(18),
        stun.message(stun.BINDING, TRANSACTION, [(1, b"abcd")])[:-4] + b"\xff\xff\xff\xff",
        b"\0" * (stun.MAX_MESSAGE + 1),
    ],
)
def test_junk_is_nothing(packet: bytes):
    found = stun.read(packet)
    assert found is None or (found.mapped is None and found.error == 0)


def test_a_cut_attribute_is_nothing():
    whole = stun.message(stun.BINDING, TRANSACTION, [(0x8022, b"name")])
    assert stun.read(whole[:22] + b"\0\x50" + whole[24:]) is None


def test_a_peer_s_address_is_masked():
    key, value = stun.peer_address("192.0.2.7", 4321, TRANSACTION)
    made = stun.read(stun.message(stun.SUCCESS | 1, TRANSACTION, [(stun.XOR_MAPPED, value)]))
    assert key == stun.XOR_PEER and made and made.mapped == ("192.0.2.7", 4321)
