"""The lab itself: what it connects, what it cuts, what it counts."""

import socket
import subprocess
import sys

import pytest

from tests.lab.netns import Host, Lab

pytestmark = pytest.mark.root

ECHO = """
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("0.0.0.0", 9000))
t = socket.create_server(("0.0.0.0", 9000)); print("up", flush=True)
import threading
def udp():
    while True:
        data, who = u.recvfrom(100); u.sendto(data, who)
threading.Thread(target=udp, daemon=True).start()
while True:
    c, _ = t.accept(); c.sendall(c.recv(100)); c.close()
"""
ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if sys.argv[2] == "udp" else socket.SOCK_STREAM)
s.settimeout(1)
for left in (2, 1, 0):  # a first datagram may be lost while a neighbour is looked up
    try:
        s.connect((sys.argv[1], 9000)); s.send(b"hi"); print(s.recv(10).decode()); break
    except OSError as e:
        if not left or sys.argv[2] != "udp": print(type(e).__name__); break
"""


def ask(a: Host, where: str, how: str) -> str:
    return a.run(sys.executable, "-c", ASK, where, how).stdout.strip()


def echo_on(b: Host) -> None:
    server = b.popen(sys.executable, "-c", ECHO, stdout=subprocess.PIPE, text=True)
    assert server.stdout and server.stdout.readline() == "up\n"


def test_udp_is_dropped_and_tcp_is_not(lab: Lab):
    a, b = lab.lan(2)
    echo_on(b)
    assert ask(a, b.ip, "udp") == "hi"
    a.drop_udp()
    assert ask(a, b.ip, "udp") != "hi"
    assert ask(a, b.ip, "tcp") == "hi"
    a.restore()
    assert ask(a, b.ip, "udp") == "hi"
    a.drop_all()
    assert ask(a, b.ip, "tcp") != "hi"


def test_the_counter_sees_others_only(lab: Lab):
    a, b = lab.lan(2)
    echo_on(b)
    others = a.count_others(lab.subnet)
    assert ask(a, b.ip, "udp") == ask(a, b.ip, "tcp") == "hi"
    assert others() == 0
    ask(a, "198.51.100.7", "udp")
    assert others() > 0


def test_nothing_is_left(lab: Lab):
    with Lab() as inner:
        names = [host.name for host in inner.lan(2)]
        inner.hosts[0].popen("sleep", "1000")
    left = subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout
    assert not [name for name in names if name in left]
    assert socket.if_nameindex()
