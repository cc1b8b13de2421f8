"""Planted faults of paths: TURN credentials, tiers, what a machine is told about its network.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, value

CREDENTIALS = "tests/registry/test_turn.py"
PATHS = "tests/acceptance/test_paths.py::test_each_network_has_its_tier"
SERVERS = "tests/assembly/serve/test_turn.py"


def for_everybody(original: Any) -> Any:
    """Who calls does not matter."""
    return lambda self, who, wall, within=0.0: [*self.ice, self.turn.grant(who.id, wall)]


def whatever_it_holds(original: Any) -> Any:
    """Half of it will do."""

    def made(urls: list[str], secret: str, *names: str) -> Any:
        from chatixia.registry.turn import TurnServers

        return TurnServers(urls, secret.strip())

    return made


def without_end(original: Any) -> Any:
    """Membership or not, a credential has its hour."""
    return lambda self, who, wall, within=0.0: original(self, who, wall)


def no_turn(original: Any) -> Any:
    """TURN servers are forgotten on the way to the engine."""

    def servers(config: Any) -> Any:
        return [each for each in original(config) if not each.username]

    return servers


def nothing_by_tcp(original: Any) -> Any:
    """TURN over TCP is left out."""

    def servers(config: Any) -> Any:
        from chatixia.peer.engines.base import IceServer

        return [
            IceServer(
                [url for url in each.urls if "tcp" not in url], each.username, each.credential
            )
            for each in original(config)
        ]

    return servers


def nothing_at_all(original: Any) -> Any:
    """No server is known, so none says which address others see."""
    return lambda config: []


FAULTS: list[Fault] = [
    Fault(
        "no-turn",
        "two symmetric NATs, or no UDP, and a TURN server carries the link",
        {"chatixia.peer.driver:ice_servers": no_turn},
        (
            f"{PATHS}[cone, symmetric]",
            f"{PATHS}[symmetric, symmetric]",
        ),
    ),
    Fault(
        "no-turn-by-tcp",
        "where UDP is blocked, TURN goes over TCP",
        {"chatixia.peer.driver:ice_servers": nothing_by_tcp},
        (f"{PATHS}[no UDP on one side]", f"{PATHS}[no UDP]"),
    ),
    Fault(
        "no-stun",
        "two NATs that keep their ports are crossed without help",
        {"chatixia.peer.driver:ice_servers": nothing_at_all},
        (f"{PATHS}[cone, cone]",),
    ),
    Fault(
        "turn-for-all",
        "TURN credentials go to members that have links, and to nobody else",
        {"chatixia.registry.call:RegistryReach.servers_for": for_everybody},
        (
            f"{CREDENTIALS}::test_who_has_no_links_gets_none",
            f"{CREDENTIALS}::test_members_get_credentials_and_nobody_else",
        ),
    ),
    Fault(
        "turn-for-a-day",
        "a TURN credential lives an hour",
        {"chatixia.registry.turn:TURN_SECONDS": value(86_400)},
        (f"{CREDENTIALS}::test_a_credential_lives_an_hour_and_no_longer_than_the_membership",),
    ),
    Fault(
        "turn-outlives-membership",
        "no TURN credential outlives the membership",
        {"chatixia.registry.turn:TurnServers.grant": without_end},
        (
            f"{CREDENTIALS}::test_a_credential_lives_an_hour_and_no_longer_than_the_membership",
            f"{CREDENTIALS}::test_whose_membership_ends_has_a_credential_until_then_and_none_after",
        ),
    ),
    Fault(
        "turn-late",
        "a living login has a fresh TURN credential before its old one ends",
        {"chatixia.registry.service:REFRESH_FRACTION": value(2.0)},
        (f"{CREDENTIALS}::test_a_living_login_gets_fresh_ones_before_the_old_end",),
    ),
    Fault(
        "turn-by-half",
        "an empty TURN URL or secret is a refusal to start",
        {"chatixia.assembly.serve.turn:_servers": whatever_it_holds},
        (
            f"{SERVERS}::test_half_of_it_is_a_refusal_that_names_the_half",
            f"{SERVERS}::test_the_same_for_the_file",
            f"{SERVERS}::test_a_registry_does_not_start_with_half_of_it",
        ),
    ),
]
