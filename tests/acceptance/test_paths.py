"""Which tier two agents get, whatever stands between them: real NATs, a real coturn, both engines.

The registry and the TURN server have public addresses; each agent is a process in a namespace of
its own. `anna` asks `bob`; the tier is what the answer's `via` says, what the registry's list of
links says, and how each end speaks to the TURN server.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.acceptance.harness import WORKER, TestMesh
from tests.lab.coturn import Coturn, no_coturn
from tests.lab.nat import Home, Internet
from tests.lab.netns import Host, Lab
from tests.lab.procs import Procs

LONG = 120
pytestmark = [pytest.mark.root, pytest.mark.timeout(LONG + 60)]


class Scene(NamedTuple):
    """Where the two are, what is blocked, and what they get. ``relay``: of the link's two ends."""

    homes: Callable[[Internet], tuple[Home, Home]]
    via: str
    relay: str = ""
    turn: bool = True
    fence: Callable[[Home, Home], None] = lambda a, b: None


def two(one: Any, other: Any) -> Callable[[Internet], tuple[Home, Home]]:
    """Each behind a NAT of its own."""
    return lambda net: (net.behind(one), net.behind(other))


def same_lan(net: Internet) -> tuple[Home, Home]:
    """Both behind one router, which blocks what leaves: they need nobody else."""
    home = net.behind("symmetric")
    return home, Home(net.neighbour(home), home.router)


def double(net: Internet) -> tuple[Home, Home]:
    """One behind two NATs, one behind one."""
    return net.behind("cone", outer=net.behind("cone").router), net.behind("cone")


def no_udp_here(a: Home, b: Home) -> None:
    """UDP is blocked on one side."""
    a.router.block_udp()


def no_udp(a: Home, b: Home) -> None:
    """UDP is blocked on both sides."""
    a.router.block_udp()
    b.router.block_udp()


def only_the_registry(a: Home, b: Home) -> None:
    """Nothing but the registry's port gets out."""
    a.router.only_tcp(REGISTRY)
    b.router.only_tcp(REGISTRY)


REGISTRY = 8443
SCENES = {
    "same LAN": Scene(same_lan, "direct", turn=False),
    "cone, cone": Scene(two("cone", "cone"), "direct", turn=False),
    "double NAT, cone": Scene(double, "direct", turn=False),
    "cone, symmetric": Scene(two("cone", "symmetric"), "turn", "udp"),
    "symmetric, symmetric": Scene(two("symmetric", "symmetric"), "turn", "udp"),
    "no UDP on one side": Scene(two("cone", "cone"), "turn", "tcp", fence=no_udp_here),
    "no UDP": Scene(two("cone", "cone"), "turn", "tcp", fence=no_udp),
    "symmetric, no TURN": Scene(two("symmetric", "symmetric"), "relay", turn=False),
    "only the registry": Scene(two("cone", "cone"), "relay", turn=False, fence=only_the_registry),
}


AIORTC: dict[tuple[str, str], str] = {}
"""Cells that aiortc gets otherwise than wrtc: (network, its end) to the tier."""


class Stage(TestMesh):
    """The registry, the TURN server and two agents of a scene, each in its place.

    ``program``: what the agents are; ``settings``: more of their environment; ``public``: by what
    name the registry is found, where not by its address.
    """

    program = WORKER

    def __init__(self, procs: Procs, lab: Lab, folder: Path) -> None:
        super().__init__(procs)
        procs.relay = True
        self.lab, self.folder, self.net = lab, folder, Internet(lab)
        self.host = self.net.public()
        self.turn: Coturn | None = None
        self.ledger = folder / "ledger"
        self.first = ""
        self.settings: dict[str, str] = {}
        self.public = ""

    def set_up(self, scene: Scene, **engines: str) -> None:
        """Start all of it; the fences stand before the agents do."""
        env = {}
        if scene.turn:
            self.turn = Coturn(self.net.public(), self.folder)
            env = {"TURN_URL": self.turn.urls(), "TURN_SECRET": self.turn.secret}
        self.serve(**env)
        self.anna, self.bob = scene.homes(self.net)
        self.tell_name()
        scene.fence(self.anna, self.bob)
        for name in ("anna", "bob"):
            self.begin(name, engines.get(name, "wrtc"))
        for name in ("anna", "bob"):
            self.workers[name].wait_for("online", timeout=LONG)

    def begin(self, name: str, engine: str = "wrtc") -> None:
        """Start `anna` or `bob` (again) at home."""
        home = self.anna if name == "anna" else self.bob
        env = {"CHATIXIA_ENGINE": engine, "LEDGER": str(self.ledger), **self.settings}
        self.at(home.host, name, **env)

    def serve(self, **env: str) -> None:
        """Start the registry (again), on its public address."""
        assert self.host
        public = self.public or self.host.ip
        words = ("up", "--port", "0", "--public", public, "--tls-port", str(REGISTRY))
        self.registry = self.procs.start(*words, host=self.host, **env)
        self.registry.wait_for(r"next\s|ready", timeout=LONG)

    def tell_name(self) -> None:
        """Let every host find the registry by its name, if it has one."""
        assert self.host
        if self.public:
            for host in (self.anna.host, self.bob.host, self.host):
                host.know(**{self.public.replace(".", "_"): self.host.ip})

    def at(self, host: Host, name: str, **env: str) -> None:
        """Start a worker in a place of its own."""
        program = (sys.executable, str(self.program))
        self.workers[name] = self.procs.start(name, program=program, host=host, **env)

    def via(self, data: str = "hello") -> str:
        """The tier by which `bob` answers `anna`, who is asked by a client beside her."""
        words = json.dumps(["bob"])
        done = self.procs.run(
            *("call", "anna", "echoes", f"others={words}", f"data={data}", "--json"),
            timeout=LONG,
            host=self.anna.host,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        tier: str = json.loads(done.stdout)["value"]["bob"]
        return tier

    def seen(self, tier: str) -> str:
        """How the ends speak to a TURN server, once an answer comes by ``tier``, which the list of
        links names too. Before that answers come over the relay, and by no other tier. Both ends
        read their engine for themselves: while that still chooses, each may see the other's
        server alone, until it reads again."""
        self.first = via = self.via()
        end = time.monotonic() + LONG
        while via != tier and time.monotonic() < end:
            assert via == "relay"
            via = self.via()
        return str(self.edge(tier).get("relay", ""))

    def edge(self, tier: str) -> dict[str, Any]:
        """The link of the two as the registry lists it, once both ends have told it."""

        end = time.monotonic() + LONG
        while time.monotonic() < end:
            for edge in self.cli("status")["links"]:
                ours = {edge["from_peer"], edge["to_peer"]} == {"anna", "bob"}
                named = tier != "turn" or edge.get("relay")
                if ours and edge.get("confirmed") and edge["tier"] == tier and named:
                    return dict(edge)
        raise AssertionError(f"the registry never listed a link by {tier} of both ends")


@pytest.fixture
def stage(procs: Procs, lab: Lab, tmp_path: Path) -> Iterator[Stage]:
    if why := no_coturn():
        pytest.skip(why)
    yield Stage(procs, lab, tmp_path)


@pytest.mark.parametrize("name", SCENES)
def test_each_network_has_its_tier(stage: Stage, name: str):
    scene = SCENES[name]
    stage.set_up(scene)
    relays = stage.seen(scene.via)
    print(f"{name:24} {scene.via:8} {relays or '-'}, at first {stage.first}")
    assert scene.relay in relays
    assert scene.relay or not relays


@pytest.mark.soak
@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("end", ["anna", "bob"])
def test_each_network_has_its_tier_with_aiortc_at_one_end(stage: Stage, name: str, end: str):
    """It knows one TURN server, and takes the first URL over TCP: a `turn` link is by TCP there."""
    scene = SCENES[name]
    stage.set_up(scene, **{end: "aiortc"})
    tier = AIORTC.get((name, end), scene.via)
    relays = stage.seen(tier)
    print(f"{name:24} aiortc at {end:4}  {tier:8} {relays or '-'}")
    assert bool(relays) == (tier == "turn")


AWAY = [3, pytest.param(60, marks=pytest.mark.soak)]
BOTH = ["wrtc", pytest.param("aiortc", marks=pytest.mark.soak)]


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("seconds", AWAY)
def test_a_peer_that_is_back_after_a_while_answers_through_the_queue(
    stage: Stage, seconds: int, engine: str
):
    stage.set_up(SCENES["cone, cone"], bob=engine)
    stage.workers["bob"].kill()
    call = stage.procs.start(
        *("call", "bob", "mark", "n=1", "--timeout", "150", "--json"), host=stage.anna.host
    )
    time.sleep(seconds)  # the while that the row of the table names
    assert call.popen.poll() is None and not stage.ledger.exists()
    stage.begin("bob", engine)
    assert call.wait(LONG) == 0, call.output
    said = json.loads(call.stream("out"))
    print(f"away for {seconds} s, {engine}: via {said['via']}, {said['ms']:.0f} ms")
    assert (said["value"], said["via"]) == (1, "queue, plain")
    assert stage.ledger.read_text() == "bob 1\n"
