"""Owners beside the first one, as the registry keeps them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from chatixia.assembly.membership import owners
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.record import read_record
from chatixia.errors import BadChain, Denied, NotFound
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.signed import unb64
from chatixia.wire.trust import OwnerPut, Revocation, Revoke
from tests.registry.doors import agent


def as_owner(registry: RegistryHarness, name: str, request: msgspec.Struct) -> Any:
    with RegistryClient.owner(registry.profile) as rest:
        return rest.call(name, request)


async def test_what_is_no_further_owner_is_not_kept(registry: RegistryHarness):
    profile = registry.profile
    _, root = profile.owner_key()
    for chain in (root, profile.machine_chain):
        with pytest.raises(BadChain, match="no owner beside"):
            await asyncio.to_thread(as_owner, registry, "owners.put", OwnerPut(chain))

    def as_machine() -> None:
        with RegistryClient.machine(profile) as rest:
            rest.call("owners.put", OwnerPut(root))

    with pytest.raises(Denied):
        await asyncio.to_thread(as_machine)


async def test_an_owner_sees_what_another_signed_itself(registry: RegistryHarness):
    await agent(registry, "a")  # its machine is listed by now
    listed = await asyncio.to_thread(owners.every, registry.profile, "admin")
    assert [one.id for one in listed.owners] == ["admin"]
    kinds = {(r := read_record(unb64(part.b))).kind: r.id for part in listed.signed}
    assert kinds == {"registry": "registry", "machine": str(registry.profile.machine)}
    assert not (await asyncio.to_thread(owners.every, registry.profile, "admin~anna")).signed


async def test_nobody_revokes_an_owner_whom_nobody_added(registry: RegistryHarness):
    from chatixia.core.revocation import sign_revocation

    profile = registry.profile
    key, _ = profile.owner_key()
    word = Revocation(profile.mesh, profile.ns, "admin~ghost", 1, 1, 1)
    request = Revoke(sign_revocation(word, key.sign))
    with pytest.raises(NotFound, match="No owner is called"):
        await asyncio.to_thread(as_owner, registry, "revoke", request)
