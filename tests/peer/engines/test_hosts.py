"""Whether this host can be reached from another one."""

import subprocess
import sys

import pytest

from chatixia.peer.engines import hosts

CABLE = "ip link add v0 type veth peer name v1; ip addr add 10.1.2.3/24 dev v0"
ASK = "from chatixia.peer.engines.hosts import has_address; print(has_address())"


@pytest.mark.parametrize(
    ("addresses", "answer"),
    [
        ([], False),
        (["127.0.0.1", "::1"], False),
        (["127.0.0.1", "fe80::1"], False),
        (["0.0.0.0", "::"], False),
        (["127.0.0.1", "192.168.1.4"], True),
        (["::1", "fd00::2"], True),
        (["169.254.3.4"], True),
    ],
)
def test_what_counts(monkeypatch, addresses, answer):
    monkeypatch.setattr(hosts, "_by_interface", lambda: addresses)
    monkeypatch.setattr(hosts, "_by_name", lambda: addresses)
    assert hosts.has_address() is answer
    assert bool(hosts.addresses()) is answer


def test_the_c_library_names_loopback():
    assert "127.0.0.1" in hosts._by_interface()


@pytest.mark.root
@pytest.mark.parametrize(
    ("setup", "answer"),
    [
        ("ip link set lo up", "False"),
        (f"{CABLE}; ip link set v0 up; ip link set v1 up", "True"),
        (CABLE, "False"),
    ],
)
def test_in_a_network_of_its_own(setup, answer):
    said = subprocess.run(
        ["unshare", "-n", "sh", "-c", f'{setup}; exec "$0" -c "$1"', sys.executable, ASK],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert said.stdout.strip() == answer
