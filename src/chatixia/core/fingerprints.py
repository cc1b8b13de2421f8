"""Keys as people compare them: 16 hex digits, in groups of four (trust.md section 1).

Eight could be made to fit by a graphics card within the life of a code. A registry's covers its
mesh too, and that of a machine which asks to join covers whom it met: one comparison shows that
nobody stands between.
"""

from __future__ import annotations

import hashlib

from chatixia.errors import BadRequest
from chatixia.wire import signed

DIGITS = 16


def of_key(public: bytes) -> str:
    """An agent's or machine's raw signing key: ``7f3a-91c2-0b4d-88e1`` (the digits of its id)."""
    return _grouped(signed.key_hash(public))


def of_registry(mesh: str, public: bytes) -> str:
    """A registry's raw key, in the mesh that it says it serves."""
    return _grouped(_hashed(("registry", mesh, public)))


def of_machine(mesh: str, registry: bytes, name: str, sign: bytes, seal: bytes) -> str:
    """A machine that asks to join as ``name``: both its raw keys, the mesh id, and the raw key of
    the registry that it asked."""
    return _grouped(_hashed(("machine", mesh, registry, name, sign, seal)))


def read(text: str) -> str:
    """What somebody typed, as the functions here write it. Raises BadRequest."""
    digits = "".join(text.lower().replace("-", " ").split())
    if len(digits) != DIGITS or set(digits) - set("0123456789abcdef"):
        raise BadRequest(f"A key to compare has {DIGITS} hex digits, as 7f3a-91c2-0b4d-88e1.")
    return _in_groups(digits)


def _hashed(parts: tuple[str | bytes, ...]) -> bytes:
    return hashlib.sha256(signed.fields(parts)).digest()


def _grouped(hashed: bytes) -> str:
    return _in_groups(hashed.hex()[:DIGITS])


def _in_groups(digits: str) -> str:
    return "-".join(digits[n : n + 4] for n in range(0, DIGITS, 4))
