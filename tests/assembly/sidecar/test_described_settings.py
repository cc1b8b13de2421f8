"""What the environment tells a described sidecar, and what it is told in return."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.assembly.sidecar.described_settings import DescribedTurn, read, servers
from chatixia.errors import ConfigError
from chatixia.wire.signaling import Config

WHOLE = {
    "API_KEY": "ck_1",
    "SIGNALING_URL": "ws://localhost:8080/ws",
    "TOKEN_URL": "http://localhost:8080/api/token",
    "IPC_SOCKET": "/run/x.sock",
}
UDP = "turn:192.0.2.1:3478?transport=udp"
TCP = "turn:192.0.2.1:3478?transport=tcp"


def test_all_of_it():
    settings = read(WHOLE | {"TURN_URL": "", "ICE_TRANSPORT_POLICY": ""})
    assert (settings.key, settings.signaling) == ("ck_1", "ws://localhost:8080/ws")
    assert (settings.registry, settings.socket) == ("http://localhost:8080", Path("/run/x.sock"))
    assert (settings.turn, settings.relay_only) == (None, False)
    assert "ck_1" not in repr(settings)


@pytest.mark.parametrize(
    ("signaling", "token", "both"),
    [
        ("wss://a.example/ws", "", ("wss://a.example/ws", "https://a.example")),
        ("", "https://a.example/api/token", ("wss://a.example/ws", "https://a.example")),
        ("", "https://a.example/m/api/token", ("wss://a.example/m/ws", "https://a.example/m")),
        (
            "ws://127.0.0.1:1/x",
            "http://localhost:2/api/token",
            ("ws://127.0.0.1:1/x", "http://localhost:2"),
        ),
    ],
)
def test_one_address_tells_the_other(signaling: str, token: str, both: tuple[str, str]):
    settings = read(WHOLE | {"SIGNALING_URL": signaling, "TOKEN_URL": token})
    assert (settings.signaling, settings.registry) == both


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"API_KEY": ""}, "API_KEY is not set.*chatixia keys create"),
        ({"API_KEY": "a\nb"}, "API_KEY holds no key"),
        ({"IPC_SOCKET": " "}, "IPC_SOCKET is not set"),
        ({"SIGNALING_URL": "", "TOKEN_URL": ""}, "SIGNALING_URL is not set.*ws://"),
        ({"SIGNALING_URL": "http://localhost/ws"}, "SIGNALING_URL is .*no address"),
        ({"SIGNALING_URL": "ws://localhost:x/ws"}, "SIGNALING_URL is .*no address"),
        ({"SIGNALING_URL": "wss://a.example/ws#x"}, "SIGNALING_URL is .*no address"),
        ({"SIGNALING_URL": "ws://a.example/ws"}, "in clear"),
        ({"TOKEN_URL": "http://a.example/api/token"}, "TOKEN_URL.*in clear"),
        ({"TOKEN_URL": "https://a.example/token"}, "ends in /api/token"),
        ({"TURN_URL": "192.0.2.1"}, "TURN_URL holds"),
        ({"TURN_URL": UDP}, "TURN_USERNAME and TURN_PASSWORD"),
        ({"TURN_URL": UDP, "TURN_USERNAME": "a"}, "TURN_USERNAME and TURN_PASSWORD"),
        ({"ICE_TRANSPORT_POLICY": "none"}, "takes all or relay"),
        ({"TOKEN_URL": "", "SIGNALING_URL": "wss://a.example/api/token"}, "it ends in /ws"),
        ({"TOKEN_URL": "", "SIGNALING_URL": "a.example"}, "SIGNALING_URL is .*no address"),
    ],
)
def test_refusals(changed: dict[str, str], says: str):
    with pytest.raises(ConfigError, match=says):
        read(WHOLE | changed)


def test_all_that_is_missing_is_said_at_once():
    with pytest.raises(ConfigError, match="API_KEY is .*SIGNALING_URL is .*IPC_SOCKET is not set"):
        read({"TURN_URL": ""})
    with pytest.raises(ConfigError) as refused:
        read({"TOKEN_URL": WHOLE["TOKEN_URL"]})
    assert "SIGNALING_URL" not in refused.value.message and "IPC_SOCKET" in refused.value.message


def test_turn_by_a_login_that_stays_or_by_a_secret():
    fixed = {"TURN_URL": f"{UDP},{TCP}", "TURN_USERNAME": "u", "TURN_PASSWORD": "p"}
    turn = read(WHOLE | fixed | {"TURN_SECRET": "s" * 16}).turn
    assert turn == DescribedTurn([UDP, TCP], "u", "p")
    assert turn.server(1000.0) == {"urls": [UDP, TCP], "username": "u", "credential": "p"}
    assert "'p'" not in repr(turn)
    turn = read(WHOLE | {"TURN_URL": UDP, "TURN_SECRET": "s" * 16}).turn
    assert turn is not None
    entry = turn.server(1000.0)
    assert entry["username"] == "4600:mesh" and len(entry["credential"]) == 28


def test_relay_only():
    assert read(WHOLE | {"ICE_TRANSPORT_POLICY": "relay"}).relay_only  # a registry may name servers
    turn = {"TURN_URL": UDP, "TURN_SECRET": "s" * 16}
    assert read(WHOLE | turn | {"ICE_TRANSPORT_POLICY": "Relay"}).relay_only


def test_own_servers_go_before_those_of_the_registry():
    stun: dict[str, str | list[str]] = {"urls": ["stun:192.0.2.2:3478"]}
    listed = Config(ice_servers=[stun])
    assert servers(None, 0.0, None).ice_servers == []
    both = servers(DescribedTurn([UDP], "u", "p"), 0.0, listed).ice_servers
    assert [entry["urls"] for entry in both] == [[UDP], ["stun:192.0.2.2:3478"]]
