"""Chains of every kind, what can be wrong in them, revocations, and a joining's proof."""

from __future__ import annotations

from chatixia.core import membership as m
from chatixia.core.revocation import sign_revocation
from chatixia.identity import SignKey, verify
from chatixia.wire import signed
from chatixia.wire.signed import b64
from chatixia.wire.trust import Revocation, Signed
from tests.core.circle import NOW, Party, agent, invitation, machine, owner


def long_chain() -> list[Party]:
    """agent, machine, invitation, owner: one party of every kind that can sign."""
    top = owner()
    invited = invitation("pi", top)
    joined = machine("pi", invited)
    return [agent("weather", joined), joined, invited, top]


def check(chain: list[Signed], mesh: str = "", now: float = NOW, ns: str | None = None) -> m.Member:
    return m.check_chain(chain, mesh=mesh or owner().mesh, now=now, verify=verify, ns=ns)


ANY = {
    "version": {"v": 2},
    "mesh": {"mesh": "0" * 64},
    "no mesh": {"mesh": "home"},
    "namespace": {"ns": "other"},
    "no namespace": {"ns": ""},
    "reserved id": {"id": "hub"},
    "id in upper case": {"id": "Weather"},
    "id ending in a dot": {"id": "weather."},
    "id with a slash": {"id": "a/b"},
    "owner's own kind": {"kind": "owner", "id": "admin"},
    "unknown kind": {"kind": "king"},
    "short signing key": {"sign": b64(b"x" * 31)},
    "no signing key": {"sign": ""},
    "signing key not base64url": {"sign": "!" * 43},
    "another signer": {"by": "0" * 16},
    "no signer": {"by": ""},
    "wrong type": {"serial": "1"},
    "negative serial": {"serial": -1},
    "too many names": {"names": ["a"] * 17},
    "pattern in the middle": {"names": ["a*b"]},
    "role in upper case": {"roles": ["Admin"]},
}


KINDS = ["owner", "invitation", "machine", "agent", "client", "registry"]
NAMES = {"owner": "admin", "registry": "registry", "client": "laptop~abc234"}


def statement(name: str, serial: int = 1, version: int = 1, by: SignKey | None = None) -> Signed:
    made = Revocation(owner().mesh, "default", name, serial, NOW, version)
    return sign_revocation(made, (by or owner().sign).sign)


def revocations(*pairs: tuple[str, int]) -> dict[tuple[str, str], Revocation]:
    return {
        ("default", name): Revocation(owner().mesh, "default", name, serial, NOW, 1)
        for name, serial in pairs
    }


def proof_of(party: Party, name: str, nonce: bytes) -> bytes:
    return party.sign.sign(signed.JOIN, signed.join(mesh=party.mesh, name=name, nonce=nonce))
