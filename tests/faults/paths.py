"""Planted faults of paths: TURN credentials, tiers, what a machine is told about its network.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Fault, value

CREDENTIALS = "tests/registry/test_turn.py"
ACC = "tests/acceptance"
DOCTOR = "tests/assembly/doctor"
CUT = f"{ACC}/test_heals.py::test_a_cut_loses_no_call_or_ends_it_in_one_clear_error"
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


def mourning(original: Any) -> Any:
    """Take a dead path for a dead peer."""
    return {**original, (True, True, "held"): "gone"}


def ending_calls(original: Any) -> Any:
    """End the calls under way where a session gets another path."""

    def attach(self: Any, path: Any, acked: Any) -> None:
        sink: list[Any] = []
        self.calls.peer_lost(sink)
        self.perform(sink)
        original(self, path, acked)

    return attach


def contented(original: Any) -> Any:
    """Whatever is found, all is well."""

    def said(*args: Any, **kwargs: Any) -> Any:
        import msgspec

        return msgspec.structs.replace(original(*args, **kwargs), level="ok", cure="")

    return said


def hopeful(original: Any) -> Any:
    """Every machine gets the best."""
    return lambda *args: ("direct", "surely")


def one_kind(original: Any) -> Any:
    """One answer tells what two would."""
    return lambda seen, asked, local: "cone" if seen else "no udp"


def unasked(original: Any) -> Any:
    """No TURN server is asked, and each works."""

    async def granted(*args: Any) -> str:
        return ""

    return granted


def keeping(original: Any) -> Any:
    """What a server granted is kept, for as long as it lasts."""

    async def allocate(questions: Any, *rest: Any) -> Any:
        ask = questions.ask

        async def but_refresh(place: Any, kind: int, *more: Any) -> Any:
            return None if kind == 4 else await ask(place, kind, *more)

        questions.ask = but_refresh
        return await original(questions, *rest)

    return allocate


FAULTS: list[Fault] = [
    Fault(
        "old-process-awaited",
        "a peer that starts anew is linked with before its old path has been given up",
        {"chatixia.core.link:Link.renew": lambda original: lambda *_: None},
        (
            "tests/core/test_link.py::test_an_open_path_to_an_earlier_process_lives_until_the_present_one_has_proved_itself",
        ),
    ),
    Fault(
        "path-is-peer",
        "a path that is down is no peer that is gone",
        {"chatixia.core.verdict:TABLE": mourning},
        (f"{CUT}[UDP-15]",),
    ),
    Fault(
        "call-ends-with-its-path",
        "a call goes on when its session gets another path",
        {"chatixia.peer.sessions.channel:SessionChannel.attach": ending_calls},
        (
            f"{ACC}/test_heals.py::test_a_call_outlives_its_path[another address]",
            f"{ACC}/test_heals.py::test_a_call_outlives_its_path[TURN dies and returns]",
        ),
    ),
    Fault(
        "doctor-blind",
        "doctor says what is wrong, and the cure",
        {
            "chatixia.assembly.doctor.findings:modes": contented,
            "chatixia.assembly.doctor.findings:clock": contented,
            "chatixia.assembly.doctor.findings:owners": contented,
            "chatixia.assembly.doctor.findings:engine": contented,
        },
        (
            f"{DOCTOR}/test_findings.py::test_a_line_has_its_level_and_what_is_wrong_its_cure",
            f"{DOCTOR}/test_examine.py::test_with_a_registry_and_after_its_end",
        ),
    ),
    Fault(
        "doctor-hopeful",
        "doctor names the tier that this machine gets",
        {"chatixia.assembly.doctor.findings:tier": hopeful},
        (
            f"{DOCTOR}/test_findings.py::test_the_tier",
            f"{DOCTOR}/test_examine.py::test_without_a_profile",
            f"{ACC}/test_doctor.py::test_what_each_network_is_told",
        ),
    ),
    Fault(
        "doctor-one-answer",
        "doctor tells a NAT's kind by two answers",
        {"chatixia.assembly.doctor.findings:nat_of": one_kind},
        (
            f"{DOCTOR}/test_findings.py::test_the_kind_of_nat",
            f"{ACC}/test_doctor.py::test_what_each_network_is_told[symmetric]",
        ),
    ),
    Fault(
        "doctor-unasked",
        "doctor asks each TURN server by each transport",
        {"chatixia.assembly.doctor.probes:may_relay": unasked},
        (
            f"{DOCTOR}/test_probes.py::test_why_there_is_none",
            f"{ACC}/test_doctor.py::test_what_each_network_is_told[no UDP]",
            f"{ACC}/test_doctor.py::test_a_secret_that_the_server_does_not_have",
        ),
    ),
    Fault(
        "doctor-keeps",
        "doctor gives back what a TURN server granted",
        {"chatixia.assembly.doctor.probes:_allocate": keeping},
        (f"{DOCTOR}/test_probes.py::test_an_allocation_is_given_back",),
    ),
    Fault(
        "aiortc-patient",
        "aiortc describes itself before a call stops waiting, also where no server answers",
        {"chatixia.peer.engines.aiortc:GATHER_SECONDS": value(5.0)},
        (
            "tests/peer/engines/test_aiortc.py::test_silent_servers_hold_a_description_up_for_a_while",
        ),
    ),
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
