"""Credentials of TURN servers: their form, their life, and who is given one."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from chatixia.core.ports import Principal
from chatixia.ids import AgentId
from chatixia.registry import service
from chatixia.registry.call import RegistryReach
from chatixia.registry.turn import TURN_SECONDS, TurnServers
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.registry import KeyCreate
from chatixia.world import REAL
from tests.registry import doors

URL = "turn:turn.example.org:3478"
SECRET = "a secret of some length"  # noqa: S105 - of a server that does not exist
SERVERS = TurnServers([URL, f"{URL}?transport=tcp"], SECRET)


def test_the_form_is_coturn_s():
    entry = SERVERS.grant("anna", 1_000_000.9)
    assert entry["urls"] == SERVERS.urls and entry["username"] == "1003600:anna"
    made = hmac.new(SECRET.encode(), b"1003600:anna", hashlib.sha1).digest()
    assert entry["credential"] == base64.b64encode(made).decode()


def test_a_credential_lives_an_hour_and_no_longer_than_the_membership():
    assert TURN_SECONDS == 3600
    assert SERVERS.grant("anna", 1000.0)["username"] == "4600:anna"
    assert SERVERS.grant("anna", 1000.0, within=60.0)["username"] == "1060:anna"


def test_the_secret_is_not_shown():
    assert SECRET not in repr(SERVERS) and SECRET not in str([SERVERS])


def usernames(said: dict[str, object], name: str) -> list[str]:
    servers = said.get(name, [])
    assert isinstance(servers, list)
    return [entry["username"] for entry in servers if "username" in entry]


async def test_members_get_credentials_and_nobody_else(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TURN_URL", URL)
    monkeypatch.setenv("TURN_SECRET", SECRET)
    async with RegistryHarness() as registry:
        member = await doors.agent(registry, "anna")
        client = await doors.login(registry, await doors.enrolled(registry, kind="client"))
        for peer in (member, client):
            said = await peer.next("config")
            [username] = usernames(said, "ice_servers")
            expiry, _, who = username.partition(":")
            assert who == peer.welcome["peer_id"]
            left = float(expiry) - said["now"]
            assert TURN_SECONDS - 60 < left <= TURN_SECONDS
            assert SECRET not in str(said)
        asked = (await member.verb("config"))["body"]
        assert usernames(asked, "iceServers")
        made = await registry.running.service.trust.keys.create(doors.person(), KeyCreate("robot"))
        told = await doors.http_call(registry, "GET", "/api/config", x_api_key=made.key)
        assert told.status == 200 and not usernames(told.json, "iceServers")
        for peer in (member, client):
            await peer.close()


@pytest.mark.parametrize("kind", ["owner", "key", "person"])
def test_who_has_no_links_gets_none(kind: str):
    reach = RegistryReach(ice=[{"urls": ["stun:a"]}], turn=SERVERS)
    assert reach.servers_for(Principal(AgentId("who"), kind), 0.0) == reach.ice
    assert len(reach.servers_for(Principal(AgentId("who"), "agent"), 0.0)) == 2


async def test_a_living_login_gets_fresh_ones_before_the_old_end(monkeypatch: pytest.MonkeyPatch):
    """Half of a credential's life is the longest that a login waits, whatever tokens do."""
    monkeypatch.setenv("TURN_URL", URL)
    monkeypatch.setenv("TURN_SECRET", SECRET)
    assert service.refresh_seconds(3600) <= TURN_SECONDS / 2
    assert service.refresh_seconds(300) <= 150
    monkeypatch.setattr(service, "REFRESH_FRACTION", 0.0001)
    async with RegistryHarness() as registry:
        peer = await doors.agent(registry, "anna")
        for _ in range(3):
            assert usernames(await peer.next("config"), "ice_servers")
        await peer.close()


async def test_whose_membership_ends_has_a_credential_until_then_and_none_after(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("TURN_URL", URL)
    monkeypatch.setenv("TURN_SECRET", SECRET)
    async with RegistryHarness() as registry:
        running = registry.running.service
        peer = await doors.agent(registry, "anna")
        [socket] = [each for each in running.roster if each.id == "anna"]
        socket.not_after = registry.running.store.now() + 60
        [entry] = [e for e in running.config.frame(socket).ice_servers if "username" in e]
        assert float(str(entry["username"]).partition(":")[0]) <= REAL.wall() + 61
        socket.not_after = 1.0
        assert not [e for e in running.config.frame(socket).ice_servers if "username" in e]
        await peer.close()
