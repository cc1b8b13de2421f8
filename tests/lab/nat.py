"""A small internet in network namespaces: public hosts, and hosts behind NATs of each kind.

    with Lab() as lab:
        net = Internet(lab)
        server = net.public()                 # 203.0.113.1
        home = net.behind("cone")             # home.host has 192.168.0.2, home.router the NAT
        office = net.behind("symmetric", outer=home.router)      # a NAT behind a NAT
        office.router.block_udp()
        home.router.only_tcp(8443)
        home.router.change_address()
    far = net.behind("cone", wire=Wire(delay=0.1, loss=0.05))    # a bad cable to the router

A *cone* keeps one outside port for an inside one, whoever is spoken to; a *symmetric* NAT draws
a new one for each far end (RFC 4787 calls them endpoint-independent and address- and
port-dependent mapping). Both let in only what answers (port-restricted filtering).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from .netns import Host, Lab, sh
from .wire import Wire, WireBox, whole_at

Kind = Literal["cone", "symmetric"]

PUBLIC = "203.0.113"
RULES = """
table ip nat {{
  chain out {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" masquerade {how}
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname "wan" ct state established,related accept
    iifname "wan" drop
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname "wan" drop comment "a stray punch would make an entry here that takes the port"
  }}
}}
"""
FENCE = """
table ip fence {{
  chain forward {{
    type filter hook forward priority filter - 5; policy accept;
    {rules}
  }}
}}
"""


class Router(Host):
    """A NAT: inside it is 192.168.N.1 on the cable ``lan``, outside it has one address."""

    def __init__(self, name: str, kind: Kind) -> None:
        super().__init__(name)
        done = self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        assert done.returncode == 0, done.stderr
        self.nft(RULES.format(how="fully-random" if kind == "symmetric" else ""))

    def block_udp(self) -> None:
        """Let no UDP through, either way."""
        self._fence("meta l4proto udp drop")

    def only_tcp(self, *ports: int) -> None:
        """Let through nothing but TCP connections from inside to these ports, and their answers."""
        listed = ", ".join(map(str, ports))
        answers = f"iifname wan tcp sport {{ {listed} }} ct state established accept"
        self._fence(f"iifname lan tcp dport {{ {listed} }} accept; {answers}; drop")

    def cut(self) -> None:
        """Let nothing through."""
        self._fence("drop")

    def open(self) -> None:
        """Take away what the three above did."""
        self.run("nft", "delete", "table", "ip", "fence")

    def change_address(self) -> str:
        """Give the router another outside address and forget its mappings; the new address."""
        old = self.ip
        first, _, last = old.rpartition(".")
        self.ip = f"{first}.{int(last) + 100}"
        # In this order: with the first address of a network go all others of it.
        sh("ip", "-n", self.name, "address", "del", f"{old}/24", "dev", "wan")
        sh("ip", "-n", self.name, "address", "add", f"{self.ip}/24", "dev", "wan")
        self._default()
        return self.ip

    def _default(self) -> None:
        gateway = f"{self.ip.rpartition('.')[0]}.254"
        sh("ip", "-n", self.name, "route", "replace", "default", "via", gateway, "dev", "wan")

    def _fence(self, rules: str) -> None:
        self.open()
        self.nft(FENCE.format(rules=rules.replace("; ", "\n    ")))


class Home(NamedTuple):
    """A host and the router that it is behind, and the bad wire between them if there is one."""

    host: Host
    router: Router
    wire: WireBox | None = None


class Internet:
    """One public switch, and what is plugged into it."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.middle = Host(f"{lab.tag}-net")
        lab.switches.append(self.middle)
        sh("ip", "-n", self.middle.name, "link", "add", "br0", "type", "bridge")
        sh("ip", "-n", self.middle.name, "link", "set", "br0", "up")
        self._address(self.middle, "br0", f"{PUBLIC}.254")
        self._homes = self._hosts = 0

    def public(self) -> Host:
        """A new host with an address of its own: 203.0.113.1, .2, ..."""
        self._hosts += 1
        host = self.lab.host(f"p{self._hosts}")
        host.ip = f"{PUBLIC}.{self._hosts}"
        self._plug(host, "eth0", f"p{self._hosts}")
        self._address(host, "eth0", host.ip)
        gateway = f"{PUBLIC}.254"
        sh("ip", "-n", host.name, "route", "add", "default", "via", gateway)
        return host

    def renumber(self, host: Host) -> str:
        """Give a public host another address; the new one."""
        old, number = host.ip, int(host.ip.rpartition(".")[2])
        host.ip = f"{PUBLIC}.{number + 60}"
        sh("ip", "-n", host.name, "address", "del", f"{old}/24", "dev", "eth0")
        self._address(host, "eth0", host.ip)
        gateway = f"{PUBLIC}.254"
        sh("ip", "-n", host.name, "route", "replace", "default", "via", gateway)
        return host.ip

    def behind(self, kind: Kind, outer: Router | None = None, wire: Wire | None = None) -> Home:
        """A new host behind a new NAT, which is on the public switch or behind ``outer``.

        With ``wire`` the cable between the two is as bad as that says.
        """
        number = self._homes
        self._homes += 1
        inside = f"192.168.{number}"
        router = Router(f"{self.lab.tag}-r{number}", kind)
        self.lab.hosts.append(router)
        host = self.lab.host(f"n{number}")
        host.ip = f"{inside}.2"
        box = WireBox(f"{self.lab.tag}-w{number}") if wire else None
        if box is None:
            _cable(router, "lan", host, "eth0")
        else:
            self.lab.switches.append(box)
            _cable(host, "eth0", box, "one")
            _cable(box, "other", router, "lan")
            whole_at(host, "eth0")
            whole_at(router, "lan")
        self._address(router, "lan", f"{inside}.1")
        self._address(host, "eth0", host.ip)
        sh("ip", "-n", host.name, "route", "add", "default", "via", f"{inside}.1")
        self._outside(router, number, outer)
        if box is not None and wire is not None:
            box.join(wire, seed=number + 1)
        return Home(host, router, box)

    def neighbour(self, home: Home) -> Host:
        """A new host in the LAN of ``home``, behind the same router."""
        number = self._homes
        self._homes += 1
        host = self.lab.host(f"n{number}")
        net = home.host.ip.rpartition(".")[0]
        host.ip = f"{net}.{10 + number}"
        # The router is the LAN's switch: its cables to the hosts are one bridge.
        router = home.router
        if router.run("ip", "link", "show", "lan0").returncode:
            sh("ip", "-n", router.name, "link", "set", "lan", "down")
            sh("ip", "-n", router.name, "link", "set", "lan", "name", "lan0")
            sh("ip", "-n", router.name, "address", "flush", "dev", "lan0")
            sh("ip", "-n", router.name, "link", "add", "lan", "type", "bridge")
            sh("ip", "-n", router.name, "link", "set", "lan0", "up", "master", "lan")
            sh("ip", "-n", router.name, "link", "set", "lan", "up")
            self._address(router, "lan", f"{net}.1")
        _cable(router, f"lan{10 + number}", host, "eth0")
        sh("ip", "-n", router.name, "link", "set", f"lan{10 + number}", "master", "lan")
        self._address(host, "eth0", host.ip)
        sh("ip", "-n", host.name, "route", "add", "default", "via", f"{net}.1")
        return host

    def _outside(self, router: Router, number: int, outer: Router | None) -> None:
        if outer is None:
            router.ip = f"{PUBLIC}.{10 + number}"
            self._plug(router, "wan", f"r{number}")
            self._address(router, "wan", router.ip)
            router._default()
            return
        net = f"10.64.{number}"
        router.ip = f"{net}.2"
        _cable(outer, f"down{number}", router, "wan")
        self._address(outer, f"down{number}", f"{net}.1")
        self._address(router, "wan", router.ip)
        sh("ip", "-n", router.name, "route", "add", "default", "via", f"{net}.1")

    def _plug(self, host: Host, port: str, cable: str) -> None:
        _cable(self.middle, cable, host, port)
        sh("ip", "-n", self.middle.name, "link", "set", cable, "master", "br0")

    @staticmethod
    def _address(host: Host, port: str, address: str) -> None:
        sh("ip", "-n", host.name, "address", "add", f"{address}/24", "dev", port)


def _cable(one: Host, port: str, other: Host, far: str) -> None:
    """A cable between two hosts, up at both ends."""
    sh(
        *("ip", "-n", one.name, "link", "add", port, "type", "veth"),
        *("peer", "name", far, "netns", other.name),
    )
    sh("ip", "-n", one.name, "link", "set", port, "up")
    sh("ip", "-n", other.name, "link", "set", far, "up")
