"""The ports stay small, and the real key functions fit them."""

from __future__ import annotations

from chatixia import identity
from chatixia.core import ports


def test_the_mesh_port_has_at_most_eight_methods():
    names = [name for name in vars(ports.MeshPort) if not name.startswith("_")]
    assert len(names) <= 8, names


def test_identity_verify_is_a_verify():
    verify: ports.Verify = identity.verify
    key = identity.SignKey.generate()
    assert verify(key.public, "c", b"d", key.sign("c", b"d"))


def test_a_call_has_safe_defaults():
    out = ports.Outgoing(ports.AgentId("weather"))
    assert (out.timeout, out.idempotent, out.queue, out.kind) == (30.0, False, "auto", "task")
