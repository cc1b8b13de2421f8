"""The sockets that a registry listens on: bound first, so that a taken port is one sentence."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import Final

import msgspec

from chatixia.errors import ConfigError

from .addresses import in_url

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 1024


class ListenPlan(msgspec.Struct):
    """What to open. ``lan``: this machine's addresses, empty for loopback alone; ``names``: all
    further names and addresses by which the TLS listener is reached."""

    port: int
    tls_port: int
    stun_port: int
    lan: list[str] = []
    names: list[str] = []
    clear: bool = False


class BoundListeners(msgspec.Struct):
    """Open sockets and the ports they got."""

    loopback: socket.socket
    port: int
    outer: list[socket.socket] = []
    tls_port: int = 0
    stun: list[socket.socket] = []
    stun_port: int = 0

    def close(self) -> None:
        """Close what nobody took over."""
        for sock in (self.loopback, *self.outer, *self.stun):
            sock.close()


def bind(plan: ListenPlan) -> BoundListeners:
    """Open everything in ``plan``, or nothing. Raises ConfigError naming the port and the cure."""
    loopback = _tcp(LOOPBACK, plan.port, "--port")
    bound = BoundListeners(loopback, loopback.getsockname()[1])
    try:
        if plan.lan or plan.names:
            _bind_outer(bound, plan)
    except ConfigError:
        bound.close()
        raise
    return bound


def _bind_outer(bound: BoundListeners, plan: ListenPlan) -> None:
    """TLS on every address, so that a new lease of the router needs no restart; STUN on each
    address by itself, so that an answer leaves from where the question came."""
    bound.outer.append(_tcp("0.0.0.0", plan.tls_port, "--tls-port"))  # noqa: S104 - TLS only
    bound.tls_port = bound.outer[0].getsockname()[1]
    if socket.has_ipv6:
        with suppress(ConfigError):  # no IPv6 on this machine
            bound.outer.append(_tcp("::", bound.tls_port, "--tls-port"))
    bound.stun_port = plan.stun_port
    for address in plan.lan:
        bound.stun.append(_udp(address, bound.stun_port))
        bound.stun_port = bound.stun[0].getsockname()[1]
    if not bound.stun:
        bound.stun_port = 0


def urls(bound: BoundListeners, plan: ListenPlan) -> list[str]:
    """Base URLs, loopback first and ``.local`` names last: not every network resolves them."""
    scheme = "http" if plan.clear else "https"
    outer = sorted([*plan.names, *plan.lan], key=lambda host: host.endswith(".local"))
    urls = [f"{scheme}://{in_url(host)}:{bound.tls_port}" for host in dict.fromkeys(outer)]
    return [f"http://{LOOPBACK}:{bound.port}", *(urls if bound.outer else [])]


def stun_urls(bound: BoundListeners, plan: ListenPlan) -> list[str]:
    """Our own STUN servers as ICE names them; addresses first, they need no resolver.

    A ``.local`` name is left out: it says no more than the address beside it, and an engine asks
    every name of whatever DNS server it finds, outside the mesh.
    """
    from chatixia.peer.control.resolver import is_number

    if not bound.stun:
        return []
    hosts = [host for host in [*plan.names, *plan.lan] if not host.endswith(".local")]
    hosts = sorted(dict.fromkeys(hosts), key=lambda host: not is_number(host))
    return [f"stun:{in_url(host)}:{bound.stun_port}" for host in hosts]


def tcp_listener(host: str, port: int, *, ipv6_only: bool = False) -> socket.socket:
    """A TCP socket that listens at ``host`` (a name or an address). Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by name: asyncio sets TCP_NODELAY only on sockets that say TCP, and without it
    # each small frame of signaling waits 40 ms for an acknowledgement.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ipv6_only and family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _tcp(host: str, port: int, option: str) -> socket.socket:
    try:
        return tcp_listener(host, port, ipv6_only=True)
    except OSError as error:
        raise _taken(error, port, option) from error


def _udp(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        if ":" in host:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _taken(error, port, "--stun-port") from error
    return sock


def _taken(error: OSError, port: int, option: str) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else port - 1
        return ConfigError(
            f"Port {port} is in use by another program; choose one: chatixia up {option} {other}"
        )
    if error.errno == errno.EACCES:
        return ConfigError(f"Port {port} needs more rights; choose one above 1023 by {option}.")
    return ConfigError(f"Port {port} cannot be opened: {error.strerror}.")
