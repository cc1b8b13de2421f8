"""The shipped configuration of coturn: to whom it relays, for whom, how much, and for how long."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chatixia.registry.turn import TurnServers
from chatixia.world import REAL
from tests.lab.coturn import SHIPPED, Coturn, no_coturn
from tests.lab.nat import Internet
from tests.lab.netns import Host, Lab

pytestmark = pytest.mark.root

ASK = """
import asyncio, sys
from chatixia.assembly.doctor import probes, stun
from chatixia.world import REAL

place, name, word = (sys.argv[1], 3478), sys.argv[2], sys.argv[3]

async def once(*peers):
    server = probes.ServerUrl("turn", *place, "udp")
    questions = await probes._connected(server, place)
    wanted = [(stun.TRANSPORT, stun.UDP_RELAY)]
    first = await questions.ask(place, stun.ALLOCATE, wanted, None, REAL)
    said = first.attributes
    login = stun.TurnLogin(name, word, said[stun.REALM], said[stun.NONCE])
    answer = await questions.ask(place, stun.ALLOCATE, wanted, login, REAL)
    print("allocate", answer.error)
    for peer in peers:
        transaction = REAL.token(12)
        class Fixed:
            token = staticmethod(lambda size: transaction)
        address = stun.peer_address(peer, 9, transaction)
        answer = await questions.ask(place, stun.CREATE_PERMISSION, [address], login, Fixed)
        print(peer, answer.error)

async def main():
    for _ in range(int(sys.argv[4])):
        await once(*sys.argv[5:])

asyncio.run(main())
"""
DENIED = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.7.7", "169.254.169.254", "100.64.0.1"),
    *("224.0.0.251", "0.0.0.0", "198.18.0.1", "255.255.255.255"),
)
PUBLIC = ("203.0.113.1", "198.51.100.7", "8.8.8.8")


@pytest.fixture
def world(lab: Lab, tmp_path: Path) -> tuple[Internet, Path]:
    if why := no_coturn():
        pytest.skip(why)
    return Internet(lab), tmp_path


def ask(host: Host, server: Coturn, *peers: str, who: str = "anna", times: int = 1) -> list[str]:
    entry = TurnServers([], server.secret).grant(who, REAL.wall())
    words = server.host.ip, str(entry["username"]), str(entry["credential"]), str(times), *peers
    done = host.run(sys.executable, "-c", ASK, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_it_relays_to_public_addresses_and_to_no_others(world: tuple[Internet, Path]):
    net, folder = world
    server = Coturn(net.public(), folder)
    said = ask(net.public(), server, *DENIED, *PUBLIC)
    assert said == ["allocate 0", *(f"{p} 403" for p in DENIED), *(f"{p} 0" for p in PUBLIC)]


def test_the_documented_line_lets_one_lan_in(world: tuple[Internet, Path]):
    net, folder = world
    documented = next(
        text for text in SHIPPED.read_text().splitlines() if text.startswith("#allowed-peer-ip=")
    )
    server = Coturn(net.public(), folder, documented[1:])
    said = ask(net.public(), server, "192.168.7.7", "192.168.8.7", "127.0.0.1")
    assert said == ["allocate 0", "192.168.7.7 0", "192.168.8.7 403", "127.0.0.1 403"]


def test_a_quota_is_a_member_s_whatever_credential_it_shows(world: tuple[Internet, Path]):
    net, folder = world
    server = Coturn(net.public(), folder, "user-quota=2")
    host = net.public()
    assert ask(host, server, times=3) == ["allocate 0", "allocate 0", "allocate 486"]
    entry = TurnServers([], server.secret).grant("anna", REAL.wall() - 60)
    words = server.host.ip, str(entry["username"]), str(entry["credential"]), "1"
    assert host.run(sys.executable, "-c", ASK, *words).stdout == "allocate 486\n"
    assert ask(host, server, who="bob") == ["allocate 0"]


def test_a_credential_that_is_over_allocates_nothing(world: tuple[Internet, Path]):
    net, folder = world
    server = Coturn(net.public(), folder)
    entry = TurnServers([], server.secret).grant("anna", REAL.wall() - 3700)
    words = server.host.ip, str(entry["username"]), str(entry["credential"]), "1"
    done = net.public().run(sys.executable, "-c", ASK, *words)
    assert done.stdout == "allocate 401\n"


LIVING = """
import asyncio, sys
from chatixia.assembly.doctor import probes, stun
from chatixia.world import REAL

place, name, word, wait = (sys.argv[1], 3478), sys.argv[2], sys.argv[3], float(sys.argv[4])

async def main():
    questions = await probes._connected(probes.ServerUrl("turn", *place, "udp"), place)
    wanted = [(stun.TRANSPORT, stun.UDP_RELAY)]
    said = (await questions.ask(place, stun.ALLOCATE, wanted, None, REAL)).attributes
    login = stun.TurnLogin(name, word, said[stun.REALM], said[stun.NONCE])
    print((await questions.ask(place, stun.ALLOCATE, wanted, login, REAL)).error)
    await asyncio.sleep(wait)
    print((await questions.ask(place, stun.REFRESH, [], login, REAL)).error)

asyncio.run(main())
"""


def test_what_stands_outlives_its_credential(world: tuple[Internet, Path]):
    """So a living link needs no fresh one (links.md section 4)."""
    net, folder = world
    server = Coturn(net.public(), folder)
    entry = TurnServers([], server.secret).grant("anna", REAL.wall(), within=4.0)
    words = server.host.ip, str(entry["username"]), str(entry["credential"]), "6"
    host = net.public()
    living = host.popen(sys.executable, "-c", LIVING, *words, stdout=subprocess.PIPE, text=True)
    said, _ = living.communicate(timeout=60)
    assert said.split() == ["0", "0"]
    assert host.run(sys.executable, "-c", ASK, *words[:3], "1").stdout == "allocate 401\n"
