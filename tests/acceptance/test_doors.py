"""Bad input at every door: an error or a clean close, and the same process serves the next.

Memory comes back within the larger of 5 % and 8 MiB after a warm-up, descriptors to their number.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from chatixia.wire.signaling import MAX_SIGNAL
from chatixia.wire.verbs import TABLE
from tests.acceptance import floods
from tests.acceptance.doors import MIB, Beat, Cost, Door, Http, Owner, Verbs, Ws, api_key
from tests.acceptance.harness import TestMesh
from tests.lab.mutants import mutants
from tests.lab.netns import Host, Lab
from tests.lab.procs import Procs

ROOT = Path(__file__).parents[2]
FEW, MANY = 500, 10_000
WARM = 150
EVERY = 50


def storm(door: Door, pid: int, count: int) -> None:
    """``count`` mutants after a warm-up; a good request after every 50; the cost at the end."""
    pour(door, WARM, 1)
    cost = Cost(pid)
    pour(door, count, 2)
    cost.settled()


def pour(door: Door, count: int, seed: int) -> None:
    for n, (which, data) in enumerate(mutants(door.samples, count, seed), 1):
        door.bad(which, data)
        if n % EVERY == 0:
            door.good()


def door_of(net: TestMesh, name: str) -> Door:
    home = net.procs.home
    if name == "http":
        return Verbs(net.port, api_key(home, "bad"))
    if name == "heartbeat":
        return Beat(net.port, api_key(home, "beat"))
    if name == "owner":
        return Owner(net.port, home)
    return Ws(net.port, home)


COUNTS = [FEW, pytest.param(MANY, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])]


@pytest.mark.parametrize("name", ["http", "heartbeat", "owner", "websocket"])
@pytest.mark.parametrize("count", COUNTS)
def test_bad_input_is_answered_and_costs_nothing(net: TestMesh, name: str, count: int):
    up = net.up()
    with contextlib.closing(door_of(net, name)) as door:
        storm(door, up.pid, count)
        assert door.refusals > count / 2
    assert up.stop() == 0


@pytest.mark.parametrize("count", COUNTS)
def test_bad_packets_are_dropped_and_cost_nothing(procs: Procs, lab: Lab, count: int):
    (host,) = lab.lan(1)
    ports = ("--port", "0", "--tls-port", "0", "--stun-port", "0")
    up = procs.start("up", "--lan", *ports, host=host)
    port = up.wait_for(r"stun\s+udp (\d+)")[1]
    packets(host, port, WARM)
    cost = Cost(up.pid)
    assert f"of {count} refused" in packets(host, port, count)
    cost.settled()
    assert up.stop() == 0


def packets(host: Host, port: str, count: int) -> str:
    done = host.run(
        sys.executable,
        "-m",
        "tests.acceptance.stun_storm",
        host.ip,
        port,
        str(count),
        cwd=ROOT,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


TASKS, BEATS = "/api/hub/tasks", "/api/hub/heartbeat"
LENGTH, CHUNKED = {"Content_Length": str(floods.BODY)}, {"Transfer_Encoding": "chunked"}


@pytest.mark.parametrize("path", [TASKS, BEATS])
@pytest.mark.parametrize("how", [LENGTH, CHUNKED], ids=["length", "chunked"])
def test_a_body_of_100_mb_is_refused_early(net: TestMesh, path: str, how: dict[str, str]):
    up = net.up()
    home = net.procs.home
    with contextlib.closing(Verbs(net.port, api_key(home, "bad"))) as good:
        good.good()
        cost = Cost(up.pid)
        head = Http(net.port, good.key).head("POST", path, **how)
        body = floods.chunked(floods.body()) if how is CHUNKED else floods.body()
        with socket.create_connection(("127.0.0.1", net.port)) as line:
            line.sendall(head)
            taken, said = floods.flood(line, body)
        bound = BY_PATH[path]
        assert b" 413 " in said.split(b"\r\n")[0] and b"too_large" in said, said
        assert taken < bound + MIB, f"{taken} bytes were read; the bound is {bound}"
        good.good()
        cost.settled()


BY_PATH = {verb.path: verb.limit for verb in TABLE if verb.method == "POST"}


@pytest.mark.parametrize("how", [floods.one_frame, floods.fragments])
def test_a_frame_of_100_mb_is_refused_early(net: TestMesh, how: Any):
    up = net.up()
    with contextlib.closing(Ws(net.port, net.procs.home)) as good:
        good.good()
        cost = Cost(up.pid)
        with floods.upgrade(net.port) as line:
            taken, said = floods.flood(line, how(floods.body()))
        assert said[:1] == b"\x88" and int.from_bytes(said[2:4], "big") == 1009, said
        assert taken < MAX_SIGNAL + MIB, f"{taken} bytes were read; the bound is {MAX_SIGNAL}"
        good.good()
        cost.settled()
