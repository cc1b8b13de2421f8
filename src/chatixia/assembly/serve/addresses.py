"""This machine's addresses on its networks, found without sending anything."""

from __future__ import annotations

import socket
import struct
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Final

SIOCGIFADDR: Final = 0x8915
INET6: Final = Path("/proc/net/if_inet6")
VIRTUAL: Final = ("lo", "docker", "br-", "virbr", "vboxnet", "vmnet")
"""Interfaces whose addresses nobody else can reach."""


def lan_addresses() -> list[str]:
    """IPv4 first, then global IPv6; never loopback or link-local; empty without a network."""
    addresses = _linux() if sys.platform.startswith("linux") else _resolved()
    useful = [text for text in dict.fromkeys(addresses) if _useful(text)]
    return sorted(useful, key=lambda text: ip_address(text).version)


def local_name() -> str:
    """This host's name on the local network (mDNS), or "" for one that cannot be."""
    head = socket.gethostname().lower().partition(".")[0]
    fits = head.isascii() and head.replace("-", "").isalnum() and head != "localhost"
    return f"{head}.local" if fits else ""


def in_url(host: str) -> str:
    """A host as a URL has it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _useful(text: str) -> bool:
    address = ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_multicast)


def _linux() -> list[str]:
    names = [name for _, name in socket.if_nameindex() if not name.startswith(VIRTUAL)]
    four = [address for name in names if (address := _four(name))]
    return four + _six(set(names))


def _four(name: str) -> str:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("256s", name.encode()[:15])
        try:
            return socket.inet_ntoa(fcntl.ioctl(sock.fileno(), SIOCGIFADDR, request)[20:24])
        except OSError:
            return ""


def _six(names: set[str]) -> list[str]:
    """Global IPv6 addresses; temporary and deprecated ones are left out by their flags."""
    try:
        lines = INET6.read_text("ascii").splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [
        str(ip_address(bytes.fromhex(row[0])))
        for row in rows
        if len(row) == 6 and row[5] in names and row[3] == "00" and not int(row[4], 16) & 0x21
    ]


def _resolved() -> list[str]:
    try:
        entries = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in entries]
