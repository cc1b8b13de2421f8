"""One record by itself: its bytes, the key that it names, and what its kind demands of it.

What a record is worth shows only in its chain (``core.membership``). Nothing here signs or verifies
by itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from chatixia.errors import BadChain, MeshError
from chatixia.ids import is_agent_id, is_client_id
from chatixia.wire import signed
from chatixia.wire.trust import REGISTRY, Kind, Record, Signed

from .owners import is_owner_id
from .patterns import is_pattern, is_role

SIGNS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "owner": ("invitation", "machine", "registry", "owner"),
    "invitation": ("machine",),
    "registry": ("machine",),
    "machine": ("agent", "client"),
}
"""kind -> kinds that it may sign; any other kind signs nothing."""
SEALS: Final[tuple[Kind, ...]] = ("machine", "agent", "client")
"""Kinds with a sealing key of their own."""
KEY_BYTES: Final = 32

_MESH = re.compile(r"[0-9a-f]{64}\Z")
_NS = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}\Z")

_RECORD = msgspec.json.Decoder(Record)


def read_record(body: bytes) -> Record:
    """A record's body by itself: its shape and what its kind demands. Raises BadChain."""
    try:
        record = _RECORD.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadChain("A record is malformed.") from None
    if flaw := _wrong(record):
        raise BadChain(f"A record {flaw}.")
    return record


def record_body(record: Record) -> bytes:
    """The bytes to sign under ``signed.MEMBER``, once; afterwards they are only copied."""
    return msgspec.json.encode(record)


def sign_record(record: Record, sign: Callable[[str, bytes], bytes]) -> Signed:
    """``record`` signed by ``sign(context, data)``, the effect that the caller brings."""
    body = record_body(record)
    return Signed(signed.b64(body), signed.b64(sign(signed.MEMBER, body)))


def key_id(public: bytes) -> str:
    """First 16 hex characters of SHA-256 of a raw public key, as ``by`` holds it."""
    return hashlib.sha256(public).hexdigest()[:16]


def mesh_of(owner: bytes) -> str:
    """The mesh id that an owner's raw public key makes."""
    return hashlib.sha256(owner).hexdigest()


def _is_key(text: str) -> bool:
    try:
        return len(signed.unb64(text)) == KEY_BYTES
    except MeshError:
        return False


def _wrong(record: Record) -> str:
    """What is wrong with a record by itself, as the rest of a sentence; empty for nothing."""
    if record.v != 1:
        return f"has version {record.v}; this build reads version 1"
    if not _MESH.match(record.mesh) or not _NS.match(record.ns):
        return "names no mesh or namespace"
    if not _is_key(record.sign):
        return "has a malformed signing key"
    if not (_is_key(record.seal) if record.kind in SEALS else record.seal == ""):
        return "has a malformed sealing key"
    if not all(is_pattern(name) for name in record.names):
        return "has a malformed name pattern"
    if not all(is_role(role) for role in record.roles):
        return "has a malformed role"
    return _wrong_kind(record)


def _wrong_kind(record: Record) -> str:
    if not _id_fits(record):
        return f"has an id that no {record.kind} may have"
    if record.kind not in SIGNS and record.names:
        return f"entitles a {record.kind} to sign"
    if record.kind != "invitation" and (record.reusable or record.redeem_by or record.most):
        return "carries an invitation's terms and is none"
    return _unbounded(record) if record.kind == REGISTRY else ""


def _id_fits(record: Record) -> bool:
    if record.kind == "owner":
        return is_owner_id(record.id)
    if record.kind == "registry":
        return record.id == REGISTRY
    if record.kind == "client":
        return is_client_id(record.id)
    if record.kind == "invitation" and record.reusable:
        return is_pattern(record.id)
    return is_agent_id(record.id)


def _unbounded(record: Record) -> str:
    """What is wrong with a registry's record as a delegation, as the rest of a sentence; "" for
    nothing, and for one that lets it sign nothing."""
    if not record.names:
        return ""
    if not record.not_after:
        return "lets a registry sign without an end"
    if "*" in record.names or "*" in record.roles:
        return "lets a registry sign any name or role"
    return ""
