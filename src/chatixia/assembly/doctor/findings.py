"""What is found, judged: a line each with its level and cure, and the tier that all of it means.

Pure: every fact is an argument, so each network and machine is a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

Level = Literal["ok", "warn", "fail"]
Nat = Literal["none", "cone", "symmetric", "unknown", "no udp", "not asked"]
Tier = Literal["direct", "turn", "relay", "queue, plain", "none"]
RELAY: Final = "the queue where the registry or links.relay does not allow it"

CLOCK_SECONDS: Final = 120.0
"""A clock further off is worth a warning: logs mislead, and certificates and TURN may not hold."""
OLD_DAYS: Final = 365
MOST_NAMED: Final = 3


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line: ``check`` names what was looked at; ``cure`` is empty where nothing is wrong."""

    check: str
    level: Level
    text: str
    cure: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    """All of it. ``tier``: what this machine's agents get towards agents elsewhere; ``reason``: the
    reason, as the end of a sentence."""

    findings: list[Finding]
    tier: Tier
    reason: str


def registry(url: str, key: str) -> Finding:
    """The registry answered and proved its key (``key`` as people compare it)."""
    return Finding("registry", "ok", f"{url} answers, key {key}")


def clock(mesh: float, wall: float) -> Finding:
    """Mesh time against this machine's clock, both in seconds."""
    off = wall - mesh
    if abs(off) <= CLOCK_SECONDS:
        return Finding("clock", "ok", f"{abs(off):.0f} s from mesh time")
    side = "ahead of" if off > 0 else "behind"
    return Finding(
        "clock",
        "warn",
        f"{_span(abs(off))} {side} mesh time",
        "set this machine's clock, or the registry's if it is wrong: timedatectl set-ntp true",
    )


def nat_of(addresses: Sequence[tuple[str, int]], servers: int, local: bool) -> Nat:
    """The kind of NAT from what servers saw of one socket."""
    if not servers:
        return "not asked"
    if not addresses:
        return "no udp"
    if local:
        return "none"
    if len(addresses) < 2:
        return "unknown"
    return "cone" if len(set(addresses)) == 1 else "symmetric"


def udp(nat: Nat, servers: int, answers: int) -> Finding:
    """Whether UDP gets out and back."""
    if nat == "not asked":
        return Finding(
            "udp",
            "warn",
            "no STUN server is known, so none was asked",
            "start the registry with --lan or --public HOST, or name servers in ice.stun",
        )
    if nat == "no udp":
        return Finding(
            "udp",
            "warn",
            f"no answer over UDP from any of {servers} servers",
            "let UDP out in the firewall, to 3478 and to other agents' ports; else links need TURN"
            " over TCP",
        )
    return Finding("udp", "ok", f"gets out and back: {answers} of {servers} servers answered")


def nat_line(nat: Nat, address: str, turn: bool) -> Finding:
    """What stands between this machine and the servers. ``turn``: whether a TURN server works."""
    if nat == "none":
        return Finding("nat", "ok", f"none between this machine and the servers, {address}")
    if nat == "cone":
        return Finding("nat", "ok", f"one that keeps its ports (cone), outside {address}")
    if nat == "symmetric":
        text = f"one that uses a new port for each peer (symmetric), outside {address}"
        cure = "name a TURN server in ice.turn: two agents behind such NATs need one"
        return Finding("nat", "ok" if turn else "warn", text, "" if turn else cure)
    if nat == "unknown":
        return Finding(
            "nat",
            "warn",
            f"outside address {address}; one answer does not tell its kind",
            "name a second STUN server in ice.stun",
        )
    return Finding("nat", "warn", "unknown, since no server answered over UDP", "see udp")


def turn_lines(attempts: Mapping[tuple[str, str], str]) -> list[Finding]:
    """Each TURN server by each transport: (server, transport) to why not, empty where it works."""
    if not attempts:
        return [
            Finding(
                "turn",
                "warn",
                "the registry names no TURN server",
                "where no direct path opens, calls go through the registry: see deploy/coturn, then"
                " set ice.turn",
            )
        ]
    return [
        Finding(f"turn {transport}", "ok", f"{server} relays")
        if not reason
        else Finding(
            f"turn {transport}",
            "fail" if all(attempts.values()) else "warn",
            f"{server}: {reason}",
            f"open {transport} to {server} in the firewall, or see the server's log",
        )
        for (server, transport), reason in attempts.items()
    ]


def ipv6(address: str) -> Finding:
    """The address from which packets would leave over IPv6, or none."""
    return Finding("ipv6", "ok", address or "none, links use IPv4")


def engine(name: str, version: str, days: float | None, missing: str) -> Finding:
    """The engine in use, and days since it was installed; ``missing``: why there is none."""
    if missing:
        return Finding(
            "engine",
            "fail",
            missing,
            "install the package again: uv tool install chatixia-mesh, or with [aiortc]",
        )
    if days is None:
        return Finding("engine", "ok", f"{name} {version}")
    text = f"{name} {version}, installed {days:.0f} days ago"
    if days > OLD_DAYS:
        cure = "upgrade chatixia-mesh: the engine parses packets of strangers and needs its fixes"
        return Finding("engine", "warn", text, cure)
    return Finding("engine", "ok", text)


def modes(folder: str, loose: Sequence[str], looked: int) -> Finding:
    """Files of the profile that others than their owner may read or change."""
    if not loose:
        return Finding("files", "ok", f"{looked} in {folder}, readable by you only")
    named = ", ".join(loose[:MOST_NAMED])
    more = f" and {len(loose) - MOST_NAMED} more" if len(loose) > MOST_NAMED else ""
    return Finding(
        "files",
        "fail",
        f"other users can read or change {named}{more}",
        f"chmod -R go-rwx {folder}",
    )


def owners(distributions: Mapping[str, Sequence[str]]) -> Finding:
    """Which distributions own each import package: two of one overwrite each other."""
    doubled = {
        name: sorted(set(names)) for name, names in distributions.items() if len(set(names)) > 1
    }
    if not doubled:
        return Finding("packages", "ok", "each from one distribution")
    name, names = next(iter(doubled.items()))
    return Finding(
        "packages",
        "fail",
        f"{name} comes from {' and '.join(names)}, which overwrite each other",
        f"pip uninstall {' '.join(names)}, then install chatixia-mesh again",
    )


def tier(nat: Nat, relays: Sequence[str], has_engine: bool, online: bool) -> tuple[Tier, str]:
    """What this machine's agents get towards agents on other networks, and why.

    ``relays``: transports by which a TURN server works.
    """
    if not online:
        return "none", "the registry does not answer; open links go on"
    if not has_engine:
        return "queue, plain", "there is no engine"
    if nat in ("none", "cone"):
        return "direct", "UDP gets through"
    if nat == "unknown":
        return "direct", "UDP gets through, unless this NAT is symmetric"
    if nat == "not asked":
        return "direct", "within this machine and its network; nothing beyond was tested"
    how = " or ".join(dict.fromkeys(name.upper() for name in relays))
    if nat == "symmetric":
        if relays:
            return "turn", f"by {how}; direct to agents without such a NAT"
        return "relay", f"a symmetric NAT and no TURN server; {RELAY}"
    stream = [name for name in relays if name != "udp"]
    if stream:
        return "turn", f"by {stream[0].upper()}, since UDP is blocked"
    return "relay", f"UDP is blocked and no TURN server works over TCP; {RELAY}"


def _span(seconds: float) -> str:
    for size, name in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} s"
