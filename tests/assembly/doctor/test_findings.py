"""Each network and machine has its line, its level, its cure, and its tier."""

from __future__ import annotations

import pytest

from chatixia.assembly.doctor import findings

A, B = ("203.0.113.10", 5000), ("203.0.113.10", 6000)


@pytest.mark.parametrize(
    ("seen", "asked", "local", "kind"),
    [
        ([], 0, False, "not asked"),
        ([], 2, False, "no udp"),
        ([A], 1, True, "none"),
        ([A], 1, False, "unknown"),
        ([A], 2, False, "unknown"),
        ([A, A], 2, False, "cone"),
        ([A, B], 2, False, "symmetric"),
    ],
)
def test_the_kind_of_nat(seen: list[tuple[str, int]], asked: int, local: bool, kind: findings.Nat):
    assert findings.nat_of(seen, asked, local) == kind


@pytest.mark.parametrize(
    ("nat", "relays", "tier"),
    [
        ("none", [], "direct"),
        ("cone", ["udp", "tcp"], "direct"),
        ("unknown", [], "direct"),
        ("not asked", [], "direct"),
        ("symmetric", ["udp"], "turn"),
        ("symmetric", ["tcp"], "turn"),
        ("symmetric", [], "relay"),
        ("no udp", ["tcp"], "turn"),
        ("no udp", ["tls"], "turn"),
        ("no udp", ["udp"], "relay"),
        ("no udp", [], "relay"),
    ],
)
def test_the_tier(nat: findings.Nat, relays: list[str], tier: str):
    found, why = findings.tier(nat, relays, True, True)
    assert found == tier and why
    assert findings.tier(nat, relays, False, True)[0] == "queue, plain"
    assert findings.tier(nat, relays, True, False)[0] == "none"


@pytest.mark.parametrize(
    ("finding", "level", "says"),
    [
        (findings.registry("https://a:8443", "12ab"), "ok", "12ab"),
        (findings.clock(1000.0, 1002.0), "ok", "2 s"),
        (findings.clock(1000.0, 1000.0 + 7200), "warn", "2 hours ahead of"),
        (findings.clock(1e9, 1e9 - 86_400 * 400), "warn", "400 days behind"),
        (findings.udp("cone", 2, 2), "ok", "2 of 2"),
        (findings.udp("no udp", 2, 0), "warn", "no answer over UDP from any of 2"),
        (findings.udp("not asked", 0, 0), "warn", "no STUN server"),
        (findings.nat_line("none", "a:1", False), "ok", "none"),
        (findings.nat_line("cone", "a:1", False), "ok", "cone"),
        (findings.nat_line("symmetric", "a:1", True), "ok", "symmetric"),
        (findings.nat_line("symmetric", "a:1", False), "warn", "symmetric"),
        (findings.nat_line("unknown", "a:1", False), "warn", "does not tell"),
        (findings.nat_line("no udp", "", False), "warn", "unknown"),
        (findings.ipv6("2001:db8::7"), "ok", "2001:db8::7"),
        (findings.ipv6(""), "ok", "IPv4"),
        (findings.engine("wrtc", "0.1.0", 3.2, ""), "ok", "3 days"),
        (findings.engine("wrtc", "0.1.0", None, ""), "ok", "wrtc 0.1.0"),
        (findings.engine("wrtc", "0.1.0", 500, ""), "warn", "500 days"),
        (findings.engine("auto", "", None, "No engine."), "fail", "No engine"),
        (findings.modes("/p", [], 12), "ok", "12 in /p"),
        (findings.modes("/p", ["p/a", "p/b", "p/c", "p/d"], 12), "fail", "and 1 more"),
        (findings.owners({"chatixia": ["chatixia-mesh"]}), "ok", "one"),
        (findings.owners({"chatixia": ["chatixia-mesh"] * 2}), "ok", "one"),
        (findings.owners({"chatixia": ["chatixia-mesh", "chatixia"]}), "fail", "overwrite"),
    ],
)
def test_a_line_has_its_level_and_what_is_wrong_its_cure(
    finding: findings.Finding, level: str, says: str
):
    assert finding.level == level and says in finding.text
    assert bool(finding.cure) == (level != "ok")


def test_turn_by_each_transport():
    [none] = findings.turn_lines({})
    assert none.level == "warn" and "deploy/coturn" in none.cure
    works, not_ = findings.turn_lines({("a:3478", "udp"): "", ("a:3478", "tcp"): "no answer"})
    assert (works.check, works.level) == ("turn udp", "ok")
    assert (not_.check, not_.level, "no answer" in not_.text) == ("turn tcp", "warn", True)
    [dead] = findings.turn_lines({("a:3478", "udp"): "no answer"})
    assert dead.level == "fail" and dead.cure
