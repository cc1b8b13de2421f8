"""A secret is found again by its digest, and is not in it."""

from __future__ import annotations

from chatixia.registry.digests import digest


def test_the_same_secret_has_the_same_digest_and_no_other_has():
    assert digest("secret") == digest("secret") and len(digest("secret")) == 32
    assert digest("secret") != digest("secreu")
    assert b"secret" not in digest("secret")
