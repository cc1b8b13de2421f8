"""Whoever has proved nothing gets little: in each attack an honest login, join and health check is
answered, and the registry's memory stays where it was.

In `make test` at a tenth of the size, under bounds a tenth as large; in `make soak` whole, with the
seconds and megabytes that the promise names. The numbers are printed (`pytest -rP`).
"""

from __future__ import annotations

import asyncio
import http.client
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
import yaml

from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.membership.invite import invite
from chatixia.assembly.membership.join import join
from chatixia.assembly.profile.profile import Profile
from chatixia.world import REAL
from tests.registry.doors import login

from .harness import TestMesh

ATTACKS: dict[str, tuple[str, int, float]] = {
    "sockets that never register": ("sockets", 256, 12),
    "sockets opened and dropped": ("drops", 17_500, 8),
    "headers that never end": ("headers", 30, 8),
    "half requests": ("halves", 2_000, 12),
    "idle connections": ("idle", 8_400, 12),
    "bodies that never come": ("bodies", 2_000, 12),
    "wrong join strings": ("guesses", 240, 5),
}
TENTH = {
    "total": 100,
    "share": 6,
    "rate": 5,
    "burst": 20,
    "loopback": 50,
    "loopback_rate": 50,
    "loopback_burst": 100,
    "reserve": 6,
    "held_bytes": 1_600_000,
}
HANG = 20.0
ROOT = Path(__file__).parents[2]
MOVING = ("drops", "headers")
"""Attacks that end by themselves, and are withstood for as long."""
MOST_ROUNDS = 400
ROUNDS = 6
PROMISED_SECONDS, PROMISED_MIB = 2.0, 64.0


class Crowd:
    """The attack as a process: it stands when the block begins, and ends with it."""

    def __init__(self, kind: str, port: int, count: int, seconds: float) -> None:
        self._command = ["-m", "tests.lab.crowd", kind, str(port), str(count), str(seconds)]
        self._process: Process
        self._end: asyncio.Task[bytes]

    @property
    def over(self) -> bool:
        """Whether it came to its own end."""
        return self._end.done()

    async def __aenter__(self) -> Crowd:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._command, stdin=PIPE, stdout=PIPE, cwd=ROOT
        )
        assert self._process.stdout
        async with asyncio.timeout(3 * HANG):
            assert await self._process.stdout.readline() == b"ready\n"
        self._end = asyncio.create_task(self._process.stdout.readline())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            async with asyncio.timeout(HANG):
                print("crowd:", (await self._end).decode().strip())
                await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()


class Scene:
    """A registry in a process of its own, an enrolled agent, and invitations that wait."""

    def __init__(self, net: TestMesh, home: Path, limits: dict[str, Any]) -> None:
        self._net, self._home, self.joins = net, home, 0
        folder = Profile.create("", home=net.procs.home).registry_identity().folder
        text = yaml.safe_dump({"unproved": limits} if limits else {})
        (folder / "registry.yaml").write_text(text)
        net.up()
        self.profile = Profile.open("", home=net.procs.home)
        self.url = f"http://127.0.0.1:{net.port}"
        self.honest = enrol(self.profile, "honest")
        self.strings = [invite(self.profile, f"pi{n}").string for n in range(ROUNDS)]

    async def login(self) -> None:
        """A socket that registers, and hears its welcome."""
        peer = await login(cast(Any, self), self.honest)
        await peer.close()

    async def join(self) -> None:
        """A machine that joins."""
        string, home = self.strings[self.joins], self._home / str(self.joins)
        self.joins += 1
        await asyncio.to_thread(join, string, home=home)

    async def health(self) -> None:
        """What watches over the service asks."""
        await asyncio.to_thread(self._health)

    def _health(self) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self._net.port, timeout=HANG)
        line.request("GET", "/healthz")
        assert line.getresponse().read() == b'{"status":"ok"}'
        line.close()


class Watch:
    """Times honest acts and the registry's memory during an attack."""

    def __init__(self, net: TestMesh) -> None:
        self._process = psutil.Process(net.registry.pid)
        self.idle = self.most = self.memory()
        self.slowest: dict[str, float] = {}

    def memory(self) -> float:
        """MiB that are resident now."""
        return float(self._process.memory_info().rss) / 2**20

    async def act(self, name: str, do: Callable[[], Awaitable[None]]) -> None:
        """Do something honest."""
        start = REAL.monotonic()
        async with asyncio.timeout(HANG):
            await do()
        took = REAL.monotonic() - start
        self.slowest[name] = max(took, self.slowest.get(name, 0.0))
        self.most = max(self.most, self.memory())


async def withstand(net: TestMesh, home: Path, attack: str, tenth: bool) -> Watch:
    """Run one attack and the honest acts in it."""
    kind, count, seconds = ATTACKS[attack]
    if tenth:
        count, seconds = max(1, count // 10), 2.0 if kind in MOVING else 10.0
    scene = await asyncio.to_thread(Scene, net, home, TENTH if tenth else {})
    await scene.login()
    watch = Watch(net)
    rounds = 0
    async with Crowd(kind, net.port, count, seconds) as crowd:
        while rounds < ROUNDS or (kind in MOVING and not crowd.over and rounds < MOST_ROUNDS):
            await watch.act("health", scene.health)
            await watch.act("login", scene.login)
            if rounds < ROUNDS:
                await watch.act("join", scene.join)
            rounds += 1
    scene.honest.close()
    print(f"{attack}: {count}, {rounds} rounds:", end=" ")
    print(", ".join(f"{k} {v * 1000:.0f} ms" for k, v in watch.slowest.items()), end=";")
    print(f" memory {watch.idle:.0f} + {watch.most - watch.idle:.1f} MiB")
    print(net.registry.stream("err")[-1000:])
    assert "Traceback" not in net.registry.output
    return watch


@pytest.mark.parametrize(
    "tenth", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["a tenth", "whole"]
)
@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_honest_login_join_and_health_check_pass_each_attack(
    net: TestMesh, tmp_path: Path, attack: str, tenth: bool
):
    watch = await withstand(net, tmp_path, attack, tenth)
    assert watch.most - watch.idle < PROMISED_MIB
    if not tenth:
        assert max(watch.slowest.values()) < PROMISED_SECONDS, watch.slowest
