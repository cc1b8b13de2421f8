"""How the registry keeps a secret, an API key or a cookie: by its SHA-256 alone."""

from __future__ import annotations

import hashlib


def digest(secret: str) -> bytes:
    """How a secret is stored and found."""
    return hashlib.sha256(secret.encode()).digest()
