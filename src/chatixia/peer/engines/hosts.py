"""Has this host an address that another host could reach?

Decides about loopback candidates: only a host without any other address offers 127.0.0.1
(links.md section 2). Asked of the C library, because a route or a name tells less.
"""

from __future__ import annotations

import ctypes
import ipaddress
import socket
import sys

_UP_RUNNING = 0x1 | 0x40


class _Interface(ctypes.Structure):
    """The head of ``struct ifaddrs``, which Linux and the BSDs share."""


_Interface._fields_ = [
    ("next", ctypes.POINTER(_Interface)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
]


def addresses() -> frozenset[str]:
    """The addresses of interfaces that are up, beyond loopback and IPv6 link-local. Windows, where
    only a resolver tells them, names none."""
    addresses = () if sys.platform == "win32" else _by_interface()
    return frozenset(address for address in addresses if _counts(address))


def has_address() -> bool:
    """Whether an interface that is up has an address beyond loopback and IPv6 link-local."""
    addresses = _by_name() if sys.platform == "win32" else _by_interface()
    return any(_counts(address) for address in addresses)


def _counts(text: str) -> bool:
    address = ipaddress.ip_address(text)
    unreachable = address.version == 6 and address.is_link_local
    return not (address.is_loopback or address.is_unspecified or unreachable)


def _by_name() -> list[str]:
    """Windows lists every interface's address under the host's own name."""
    try:
        addresses = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in addresses]


def _by_interface() -> list[str]:
    library = ctypes.CDLL(None)
    head = ctypes.POINTER(_Interface)()
    if library.getifaddrs(ctypes.byref(head)) != 0:
        return []
    addresses, node = [], head
    while bool(node):
        entry = node.contents
        if entry.address and entry.flags & _UP_RUNNING == _UP_RUNNING:
            addresses.append(_address(entry.address))
        node = entry.next
    library.freeifaddrs(head)
    return [address for address in addresses if address]


def _address(where: int) -> str:
    """The text of the ``sockaddr`` at ``where``; empty for other families."""
    raw = ctypes.string_at(where, 2)
    # The BSDs put a length byte before the family.
    family = int.from_bytes(raw, sys.byteorder) if sys.platform == "linux" else raw[1]
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, ctypes.string_at(where + 4, 4))
    if family == socket.AF_INET6:
        return socket.inet_ntop(socket.AF_INET6, ctypes.string_at(where + 8, 16))
    return ""
