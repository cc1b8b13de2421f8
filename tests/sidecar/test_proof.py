"""The proof: what shows the token, and what does not."""

from __future__ import annotations

import pytest

from chatixia.errors import BadRequest
from chatixia.sidecar import proof
from chatixia.wire.ipc import CLIENT_PROOF, SERVER_PROOF
from chatixia.world import REAL


def test_only_the_token_both_nonces_and_the_side_prove():
    token, other = REAL.token(32), REAL.token(32)
    a, b, c = (proof.nonce(REAL) for _ in range(3))
    shown = proof.mac(token, CLIENT_PROOF, a, b)
    assert proof.proves(token, CLIENT_PROOF, a, b, shown)
    assert not proof.proves(other, CLIENT_PROOF, a, b, shown)
    assert not proof.proves(token, SERVER_PROOF, a, b, shown)
    assert not proof.proves(token, CLIENT_PROOF, a, c, shown)
    assert not proof.proves(token, CLIENT_PROOF, c, b, shown)
    assert token.hex() not in shown and len({a, b, c}) == 3


def test_base64url_without_padding():
    assert proof.raw(proof.text(b"\xff\xfe")) == b"\xff\xfe"
    with pytest.raises(BadRequest):
        proof.raw("x")
