"""The registry's proof covers the asker's nonce and the certificate in use."""

from __future__ import annotations

import pytest

from chatixia.errors import BadRequest
from chatixia.identity import SignKey, verify
from chatixia.registry.call import Listener
from chatixia.registry.trust.proof import Proof
from chatixia.wire import signed

KEY = SignKey(bytes(range(32)))


def test_it_holds_for_this_nonce_and_certificate_only():
    proof = Proof(KEY, [], "mesh")
    sig = signed.unb64(proof.over(signed.b64(b"n" * 16), Listener(True, b"c" * 32)))

    def holds(nonce: bytes, certificate: bytes) -> bool:
        said = signed.registry(mesh="mesh", nonce=nonce, certificate=certificate)
        return verify(proof.public, signed.REGISTRY, said, sig)

    assert holds(b"n" * 16, b"c" * 32)
    assert not holds(b"n" * 16, b"") and not holds(b"m" * 16, b"c" * 32)


@pytest.mark.parametrize("nonce", ["", "AAAA", "A" * 200, "!!"])
def test_a_nonce_has_a_size(nonce: str):
    with pytest.raises(BadRequest):
        Proof(KEY, [], "mesh").over(nonce, Listener())
