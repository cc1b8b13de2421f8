"""`chatixia doctor` behind real NATs, with a real coturn: what it sees, which tier it names."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from tests.acceptance.test_paths import LONG, REGISTRY, Stage
from tests.acceptance.test_paths import stage as stage
from tests.lab.coturn import Coturn
from tests.lab.nat import Home

pytestmark = [pytest.mark.root, pytest.mark.timeout(LONG + 60)]


class Told(NamedTuple):
    """A network and what is said of it: the NAT's line, each TURN line's level, the tier."""

    kind: Any
    fence: str
    turn: bool
    nat: str
    levels: dict[str, str]
    tier: str


BOTH = {"turn udp": "ok", "turn tcp": "ok"}
NETWORKS = {
    "cone": Told("cone", "", True, "cone", BOTH, "direct"),
    "symmetric": Told("symmetric", "", True, "symmetric", BOTH, "turn"),
    "no UDP": Told("cone", "udp", True, "", {"turn udp": "warn", "turn tcp": "ok"}, "turn"),
    "no UDP, no TURN": Told("cone", "udp", False, "", {"turn": "warn"}, "relay"),
    "only the registry": Told(
        "cone", "all", True, "", {"turn udp": "fail", "turn tcp": "fail"}, "relay"
    ),
}


def fence(home: Home, how: str) -> None:
    if how == "udp":
        home.router.block_udp()
    if how == "all":
        home.router.only_tcp(REGISTRY)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_each_network_is_told(stage: Stage, name: str):
    told = NETWORKS[name]
    env = {}
    if told.turn:
        server = Coturn(stage.net.public(), stage.folder)
        env = {"TURN_URL": server.urls(), "TURN_SECRET": server.secret}
    stage.serve(**env)
    home = stage.net.behind(told.kind)
    fence(home, told.fence)
    done = stage.procs.run("doctor", "--json", host=home.host, timeout=LONG)
    said = json.loads(done.stdout)
    lines = {each["check"]: each for each in said["findings"]}
    print(stage.procs.run("doctor", host=home.host, timeout=LONG).stdout)
    assert lines["registry"]["level"] == lines["clock"]["level"] == "ok"
    assert lines["udp"]["level"] == ("warn" if told.fence else "ok")
    assert told.nat in lines["nat"]["text"]
    assert {check: lines[check]["level"] for check in told.levels} == told.levels
    assert said["tier"] == told.tier
    assert done.returncode == (1 if "fail" in told.levels.values() else 0)


def test_a_secret_that_the_server_does_not_have(stage: Stage):
    server = Coturn(stage.net.public(), stage.folder)
    stage.serve(TURN_URL=server.urls("udp"), TURN_SECRET="another secret entirely")
    host = stage.net.public()
    done = stage.procs.run("doctor", "--json", host=host, timeout=LONG)
    [turn] = [f for f in json.loads(done.stdout)["findings"] if f["check"] == "turn udp"]
    assert turn["level"] == "fail" and "refuses the credential" in turn["text"]
