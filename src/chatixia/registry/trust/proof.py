"""The registry proves itself before it is shown a credential (trust.md section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatixia.errors import BadRequest
from chatixia.identity import SignKey
from chatixia.registry.call import Listener
from chatixia.wire import signed
from chatixia.wire.trust import Signed

MIN_NONCE: Final = 16
MAX_NONCE: Final = 64


class Proof:
    """The registry's identity key, its chain, and the mesh it serves."""

    def __init__(self, key: SignKey, chain: Sequence[Signed], mesh: str) -> None:
        self.chain = list(chain)
        self.mesh = mesh
        self._key = key

    @property
    def public(self) -> bytes:
        """The raw identity key that clients pin."""
        return self._key.public

    def over(self, nonce: str, listener: Listener) -> str:
        """The signature over the asker's nonce and the certificate it sees.

        Raises BadRequest for a nonce of the wrong size: the registry signs no short strings.
        """
        raw = signed.unb64(nonce)
        if not MIN_NONCE <= len(raw) <= MAX_NONCE:
            raise BadRequest(f"A nonce has {MIN_NONCE} to {MAX_NONCE} bytes.")
        data = signed.registry(mesh=self.mesh, nonce=raw, certificate=listener.certificate)
        return signed.b64(self._key.sign(signed.REGISTRY, data))
