"""The whole examination: ask the registry, the servers that it names, and this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from chatixia.core import fingerprints
from chatixia.errors import ConfigError, MeshError
from chatixia.wire.registry import IceConfig, Nothing
from chatixia.world import REAL, World

from . import findings, machine, probes
from .findings import Diagnosis, Finding

if TYPE_CHECKING:
    from chatixia.assembly.profile.profile import Profile


class RegistryAnswer(NamedTuple):
    """What the registry said. ``config``: None if it did not answer; ``findings``: lines of it."""

    config: IceConfig | None
    findings: list[Finding]


def examine(mesh: str = "", engine: str = "auto", world: World = REAL) -> Diagnosis:
    """Examine this machine as it is in the profile ``mesh``. Blocks, at most half a minute.

    Raises nothing that a finding can say; a machine without a profile is one.
    """
    from chatixia.assembly.profile.profile import Profile

    try:
        profile = Profile.open(mesh, world=world)
    except ConfigError as error:
        missing = Finding("profile", "fail", error.message, "chatixia up, or chatixia join STRING")
        return _report([missing], RegistryAnswer(None, []), engine, world, None)
    answer = _ask_registry(profile, world)
    return _report([], answer, engine, world, profile)


def _report(
    first: list[Finding],
    answer: RegistryAnswer,
    engine: str,
    world: World,
    profile: Profile | None,
) -> Diagnosis:
    lines = [*first, *answer.findings]
    nat: findings.Nat = "not asked"
    relays: list[str] = []
    if answer.config is not None:
        nat, relays, network = asyncio.run(_network(answer.config, world))
        lines += network
    lines.append(findings.ipv6(machine.ipv6_address()))
    used = machine.engine(engine, world)
    lines.append(findings.engine(*used))
    if profile is not None:
        lines.append(findings.modes(str(profile.folder), *machine.loose_files(profile.folder)))
    lines.append(findings.owners(machine.owners()))
    tier, reason = findings.tier(nat, relays, not used.missing, answer.config is not None)
    return Diagnosis(lines, tier, reason)


def _ask_registry(profile: Profile, world: World) -> RegistryAnswer:
    from chatixia.assembly.remote.rest import RegistryClient

    try:
        with RegistryClient.machine(profile) as rest:
            config: IceConfig = rest.call("config", Nothing())
            url = rest.url
    except MeshError as error:
        cure = "start it with chatixia up on its machine, or see chatixia config for its address"
        return RegistryAnswer(None, [Finding("registry", "fail", error.message, cure)])
    key = fingerprints.of_registry(profile.mesh, profile.registry_key)
    lines = [findings.registry(url, key), findings.clock(config.now, world.wall())]
    return RegistryAnswer(config, lines)


async def _network(
    config: IceConfig, world: World
) -> tuple[findings.Nat, list[str], list[Finding]]:
    """The kind of NAT, the transports by which TURN works, and their lines."""
    entries = config.iceServers or []
    stun: list[probes.ServerUrl] = []
    turn: dict[tuple[str, str], tuple[probes.ServerUrl, str, str]] = {}
    for entry in entries:
        urls = entry.get("urls", [])
        name, secret = str(entry.get("username", "")), str(entry.get("credential", ""))
        for url in [urls] if isinstance(urls, str) else urls:
            server = probes.server_url(url)
            if server is None:
                continue
            if server.scheme == "stun" or server.transport == "udp":  # a TURN server answers STUN
                stun.append(server)
            if server.scheme != "stun":
                turn[server.shown, server.transport] = server, name, secret
    mapping, tried = await asyncio.gather(
        probes.mappings(list(dict.fromkeys(stun)), world),
        asyncio.gather(*(probes.may_relay(*each, world) for each in turn.values())),
    )
    results = dict(zip(turn, tried, strict=True))
    nat = findings.nat_of(mapping.addresses, mapping.servers, mapping.local)
    relays = [transport for (_, transport), reason in results.items() if not reason]
    address = f"{mapping.addresses[0][0]}:{mapping.addresses[0][1]}" if mapping.addresses else ""
    lines = [
        findings.udp(nat, mapping.servers, len(mapping.addresses)),
        *([findings.nat_line(nat, address, bool(relays))] if nat != "not asked" else []),
        *findings.turn_lines(results),
    ]
    return nat, relays, lines
