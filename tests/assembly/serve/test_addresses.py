"""Addresses that others can reach, found without asking anybody."""

from __future__ import annotations

import json
import subprocess
from ipaddress import ip_address

import pytest

from chatixia.assembly.serve.addresses import in_url, lan_addresses, local_name
from chatixia.peer.control.resolver import is_number


def test_what_is_listed_is_reachable_and_the_systems_own():
    found = lan_addresses()
    shown = json.loads(subprocess.run(["ip", "-j", "addr"], capture_output=True, check=True).stdout)
    own = {ip_address(a["local"]) for link in shown for a in link.get("addr_info", [])}
    for text in found:
        address = ip_address(text)
        assert address in own and not address.is_loopback and not address.is_link_local
    versions = [ip_address(text).version for text in found]
    assert versions == sorted(versions)


def test_the_name_on_the_network(monkeypatch: pytest.MonkeyPatch):
    for host, expected in (
        ("Laptop.example", "laptop.local"),
        ("localhost", ""),
        ("bad_name", ""),
        ("", ""),
    ):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        assert local_name() == expected


def test_hosts_in_urls():
    assert in_url("2001:db8::1") == "[2001:db8::1]" and in_url("a.example") == "a.example"
    assert is_number("192.0.2.1") and not is_number("a.example")
