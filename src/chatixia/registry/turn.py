"""Credentials for TURN servers that share a secret with the registry, as coturn reads them.

The form is draft-uberti-behave-turn-rest-00 (coturn's ``use-auth-secret``): the username is
``expiry:id``, the password the base64 of HMAC-SHA1(secret, username). The server checks both by
itself; nothing passes between it and the registry.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from math import inf
from typing import Final

import msgspec

TURN_SECONDS: Final = 3600
"""Life of a credential in seconds. A link that stands outlives it; a new one needs a valid one."""

RELAYED: Final = ("agent", "client", "machine")
"""Kinds of members that get a credential: who has links, and machines, which sign those."""


class TurnServers(msgspec.Struct, frozen=True):
    """``urls``: as RFC 7065 writes them; ``secret``: the servers' ``static-auth-secret``."""

    urls: list[str]
    secret: str

    def __repr__(self) -> str:
        return f"TurnServers({self.urls!r})"

    def grant(self, member: str, wall: float, within: float = inf) -> dict[str, str | list[str]]:
        """An entry of ``iceServers`` for ``member`` from ``wall`` (Unix seconds) on.

        ``within``: seconds for which the membership still stands; no credential outlives it.
        """
        username = f"{int(wall + min(TURN_SECONDS, within))}:{member}"
        # The form fixes SHA-1, which is sound in an HMAC (RFC 8489 section 14.5).
        digest = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1).digest()
        credential = base64.b64encode(digest).decode()
        return {"urls": list(self.urls), "username": username, "credential": credential}
