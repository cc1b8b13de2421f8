"""The registry keeps the owner's newest word about the list, and shows it at every login."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chatixia.assembly.membership.confirm import confirm
from chatixia.assembly.membership.revoke import revoke
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.confirmation import check_confirmation, sign_confirmation
from chatixia.errors import BadSignature, Conflict, Denied
from chatixia.identity import SignKey, verify
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.trust import Confirm, Confirmation, Signed
from tests.registry.doors import agent


def shown(registry: RegistryHarness, config: dict[str, Any]) -> Confirmation:
    profile = registry.profile
    statement = Signed(**config["confirmation"])
    return check_confirmation(statement, mesh=profile.mesh, owner=profile.owner, verify=verify)


async def test_each_login_is_shown_the_newest_also_after_a_restart(registry: RegistryHarness):
    first = await agent(registry, "first")
    assert "confirmation" not in await first.next("config")
    word = await asyncio.to_thread(confirm, registry.profile)
    for name in ("a", "b"):
        peer = await agent(registry, name)
        assert shown(registry, await peer.next("config")) == word
        await registry.stop()
        await registry.start()


async def test_a_word_about_another_list_is_refused(registry: RegistryHarness):
    peer = await agent(registry, "a")
    await asyncio.to_thread(revoke, registry.profile, "a")
    assert (await asyncio.to_thread(confirm, registry.profile)).version == 1
    assert await peer.closed()
    owner, _ = registry.profile.owner_key()

    def say(version: int, sign: Any) -> None:
        word = Confirmation(registry.profile.mesh, "default", version, 2_000_000_000)
        with RegistryClient.owner(registry.profile) as rest:
            rest.call("confirm", Confirm(sign_confirmation(word, sign)))

    for version in (0, 2):
        with pytest.raises(Conflict, match="version"):
            await asyncio.to_thread(say, version, owner.sign)
    with pytest.raises(BadSignature):
        await asyncio.to_thread(say, 1, SignKey.generate().sign)


async def test_only_the_owner_confirms(registry: RegistryHarness):
    def say() -> None:
        with RegistryClient.machine(registry.profile) as rest:
            rest.call("confirm", Confirm(Signed("", "")))

    with pytest.raises(Denied):
        await asyncio.to_thread(say)
