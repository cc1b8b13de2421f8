"""``chatixia doctor``: lines for people, one object for programs, an exit code for scripts."""

from __future__ import annotations

from typing import Any

from chatixia.assembly.doctor.findings import Diagnosis, Finding
from chatixia.cli.doctor import render


def test_a_line_each_with_its_cure_and_the_tier_last():
    report = Diagnosis(
        [Finding("registry", "ok", "answers"), Finding("udp", "warn", "none", "open the firewall")],
        "turn",
        "by TCP",
    )
    assert render(report).splitlines() == [
        "  ok    registry  answers",
        "  warn  udp       none",
        "                  cure: open the firewall",
        "  tier  turn: by TCP",
    ]


def test_a_registry_s_text_makes_no_second_line():
    report = Diagnosis([Finding("registry", "fail", "a\n  ok    b", "c\x1b[2J")], "none", "x")
    assert len(render(report).splitlines()) == 3 and "\x1b" not in render(report)


def test_without_a_mesh_it_fails(home: Any, type_: Any):
    done = type_("doctor", "--json")
    assert done.code == 1 and done.json["kind"] == "doctor" and done.json["tier"] == "none"
    assert done.json["findings"][0]["level"] == "fail"


def test_with_one_it_does_not(registry: Any, type_: Any):
    done = type_("doctor", "--json")
    assert done.code == 0 and done.json["tier"] == "direct", done.out
    assert {each["check"] for each in done.json["findings"]} >= {"registry", "clock", "engine"}
    assert "tier  direct" in type_("doctor").out
