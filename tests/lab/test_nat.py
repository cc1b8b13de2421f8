"""The small internet itself: what each kind of NAT maps, what is let in, what a fence stops."""

import re
import sys

import pytest

from tests.lab.nat import Internet
from tests.lab.netns import Host, Lab
from tests.lab.test_netns import ask, echo_on

pytestmark = pytest.mark.root

SEEN = """
import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("0.0.0.0", 9001))
print("up", flush=True)
while True:
    data, who = u.recvfrom(100); u.sendto(f"{who[0]}:{who[1]}".encode(), who)
"""
MAPPED = """
import socket, sys
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("0.0.0.0", 5000)); u.settimeout(2)
for there in sys.argv[1:]:
    u.sendto(b"?", (there, 9001)); print(u.recv(100).decode())
"""


def mirror_on(host: Host) -> None:
    server = host.popen(sys.executable, "-c", SEEN, stdout=-1, text=True)
    assert server.stdout and server.stdout.readline() == "up\n"


def mapped(host: Host, *there: Host) -> list[str]:
    return host.run(sys.executable, "-c", MAPPED, *(each.ip for each in there)).stdout.split()


def test_a_cone_shows_one_port_and_a_symmetric_nat_several(lab: Lab):
    net = Internet(lab)
    one, other = net.public(), net.public()
    for host in (one, other):
        mirror_on(host)
    cone, symmetric = net.behind("cone"), net.behind("symmetric")
    seen = mapped(cone.host, one, other)
    assert seen == [f"{cone.router.ip}:5000"] * 2
    first, second = mapped(symmetric.host, one, other)
    assert first != second
    assert re.match(rf"{symmetric.router.ip}:\d+", first)


def test_nothing_comes_in_unasked(lab: Lab):
    net = Internet(lab)
    outside, home = net.public(), net.behind("cone")
    echo_on(home.host)
    assert ask(outside, home.router.ip, "udp") != "hi"
    assert ask(outside, home.router.ip, "tcp") != "hi"


def test_fences_and_their_removal(lab: Lab):
    net = Internet(lab)
    server, home = net.public(), net.behind("cone")
    echo_on(server)
    assert ask(home.host, server.ip, "udp") == ask(home.host, server.ip, "tcp") == "hi"
    home.router.block_udp()
    assert ask(home.host, server.ip, "udp") != "hi"
    assert ask(home.host, server.ip, "tcp") == "hi"
    home.router.only_tcp(9999)
    assert ask(home.host, server.ip, "tcp") != "hi"
    home.router.only_tcp(9000)
    assert ask(home.host, server.ip, "tcp") == "hi"
    assert ask(home.host, server.ip, "udp") != "hi"
    home.router.cut()
    assert ask(home.host, server.ip, "tcp") != "hi"
    home.router.open()
    assert ask(home.host, server.ip, "udp") == ask(home.host, server.ip, "tcp") == "hi"


def test_two_nats_a_neighbour_and_a_new_address(lab: Lab):
    net = Internet(lab)
    server = net.public()
    mirror_on(server)
    echo_on(server)
    home = net.behind("cone")
    inner = net.behind("cone", outer=home.router)
    assert mapped(inner.host, server) == [f"{home.router.ip}:5000"]
    beside = net.neighbour(home)
    assert ask(beside, server.ip, "tcp") == "hi"
    echo_on(home.host)
    assert ask(beside, home.host.ip, "udp") == "hi"
    old = home.router.ip
    new = home.router.change_address()
    assert new != old
    [seen] = mapped(home.host, server)
    assert seen.startswith(new)


def test_a_host_that_moves_is_found_by_its_name(lab: Lab):
    net = Internet(lab)
    server, home = net.public(), net.behind("cone")
    home.host.know(server_lab=server.ip)
    echo_on(server)
    assert ask(home.host, "server.lab", "tcp") == "hi"
    old = server.ip
    assert net.renumber(server) != old
    assert ask(home.host, "server.lab", "tcp") != "hi"
    home.host.know(server_lab=server.ip)
    assert ask(home.host, "server.lab", "tcp") == "hi"
