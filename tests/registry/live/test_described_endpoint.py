"""The door of the described contract: whose token it takes, and how it refuses."""

from __future__ import annotations

import asyncio
import logging

import pytest

from chatixia.assembly.remote.rest import RegistryClient
from chatixia.registry.live import described
from chatixia.registry.live.described_endpoint import has_token, token_of
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyRef
from tests.registry.described import dial_with, enter, key_of, refused, token_for
from tests.registry.doors import OPENED, agent, http_call
from tests.registry.doors import token_of as member_token


@pytest.fixture
async def open_registry():
    async with RegistryHarness(compat=True) as running:
        yield running
        while OPENED:
            await OPENED.pop()()


async def test_off_it_is_one_clear_refusal(registry: RegistryHarness):
    status, problem = await refused(registry, await token_for(registry, "rusty"))
    assert (status, problem["code"]) == (403, "denied")
    assert "compat: true" in problem["detail"]


async def test_a_wrong_or_expired_token_is_401_and_a_members_403(open_registry: RegistryHarness):
    for token in ("", "x", "a.b.c", "x" * 5000):
        assert (await refused(open_registry, token))[0] == 401
    a = await agent(open_registry, "a")
    status, problem = await refused(open_registry, await member_token(a))
    assert (status, problem["code"]) == (403, "denied")


async def test_a_revoked_key_closes_the_socket(open_registry: RegistryHarness):
    key = await key_of(open_registry, "rusty")
    answer = await http_call(open_registry, "POST", "/api/token", x_api_key=key.key)
    rusty = await dial_with(open_registry, answer.json["token"], "rusty")
    assert await rusty.register() == []

    def end() -> None:
        with RegistryClient.owner(open_registry.profile) as rest:
            rest.call("keys.revoke", KeyRef(key.id))

    await asyncio.to_thread(end)
    await rusty.ws.wait_closed()
    assert rusty.ws.close_code == 1008
    assert (await refused(open_registry, answer.json["token"]))[0] == 401


async def test_there_is_room_for_so_many(
    open_registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(described, "MOST_DESCRIBED", 1)
    await enter(open_registry, "one")
    assert (await refused(open_registry, await token_for(open_registry, "two")))[0] == 429


async def test_a_token_stands_in_no_log(
    open_registry: RegistryHarness, caplog: pytest.LogCaptureFixture
):
    for name in ("", "chatixia", "chatixia.access", "chatixia.registry"):
        caplog.set_level(logging.DEBUG, logger=name)
    token = await token_for(open_registry, "rusty")
    caplog.clear()
    rusty = await dial_with(open_registry, token, "rusty")
    await rusty.register()
    await refused(open_registry, token[:-4] + "AAAA")
    ours = [one for one in caplog.records if not one.name.startswith("websockets")]
    assert ours and not any(token[:-4] in one.getMessage() for one in ours)


def test_a_token_is_read_from_the_query():
    assert token_of({"query_string": b"a=1&token=x%2By"}) == "x+y"
    assert token_of({"query_string": b"&".join([b"token=x"] * 40)}) == ""
    assert token_of({}) == ""
    assert has_token({"query_string": b"token="}) and not has_token({"query_string": b"mytoken=1"})
