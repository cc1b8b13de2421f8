"""Keys: contexts separate uses, files are private and whole, vectors of the RFC hold."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from chatixia import identity
from chatixia.errors import ConfigError

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")


def test_public_key_is_that_of_rfc_8032_test_1():
    assert identity.SignKey(SEED).public == PUBLIC


def test_a_signature_holds_only_for_its_context_data_and_key():
    key, other = identity.SignKey.generate(), identity.SignKey.generate()
    made = key.sign("chatixia/link/1", b"data")
    assert identity.verify(key.public, "chatixia/link/1", b"data", made)
    assert not identity.verify(key.public, "chatixia/signal/1", b"data", made)
    assert not identity.verify(key.public, "chatixia/link/1", b"date", made)
    assert not identity.verify(other.public, "chatixia/link/1", b"data", made)


@pytest.mark.parametrize("junk", [b"", b"x" * 31, b"x" * 64, b"\xff" * 32])
def test_junk_verifies_nothing_and_raises_nothing(junk: bytes):
    assert not identity.verify(junk, "c", b"d", b"s" * 64)
    assert not identity.verify(PUBLIC, "c", b"d", junk)


def test_a_key_file_is_private_and_never_replaced(tmp_path: Path):
    path = tmp_path / "a" / "sign.key"
    identity.save(path, SEED)
    assert path.stat().st_mode & 0o777 == 0o600
    assert identity.load(path) == SEED
    with pytest.raises(FileExistsError):
        identity.save(path, b"x" * 32)
    assert identity.load(path) == SEED
    assert os.listdir(path.parent) == ["sign.key"]


def test_a_key_others_can_read_is_refused(tmp_path: Path):
    path = tmp_path / "k"
    identity.save(path, SEED)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        identity.load(path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_damaged_key_is_refused(tmp_path: Path, size: int):
    path = tmp_path / "k"
    identity.save(path, b"x" * size)
    with pytest.raises(ConfigError, match="damaged"):
        identity.load(path)


def test_a_missing_key_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        identity.load(tmp_path / "none")


def test_no_secret_in_a_repr():
    key, seal = identity.SignKey(SEED), identity.SealKey.generate()
    assert SEED.hex() not in repr(key)
    assert seal.seed().hex() not in repr(seal)
    assert key.seed() == SEED
    assert b"PRIVATE KEY" in key.pem()
    assert identity.SealKey(seal.seed()).public == seal.public


def test_names_of_keys():
    assert len(identity.key_id(PUBLIC)) == 16
    assert identity.derive(b"s", "a") != identity.derive(b"s", "b")


def test_a_compact_jws_is_what_others_verify():
    """RFC 7515 section 3.1, alg Ed25519 of RFC 9864; and it stands for no context's signature."""
    key = identity.SignKey(SEED)
    text = key.jws(b'{"alg":"Ed25519"}', b'{"sub":"pi"}')
    public = OKPKey.import_key(
        {"kty": "OKP", "crv": "Ed25519", "x": urlsafe_b64encode(PUBLIC).decode().rstrip("=")}
    )
    assert jwt.decode(text, public, ["Ed25519"]).claims == {"sub": "pi"}
    said, _, tail = text.rpartition(".")
    assert not identity.verify(PUBLIC, "", said.encode(), urlsafe_b64decode(tail + "=="))
    with pytest.raises(JoseError):
        jwt.decode(f"{said[:-1]}x.{tail}", public, ["Ed25519"])
