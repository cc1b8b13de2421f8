"""Hosts, switches and cables in network namespaces; packets dropped or counted by nftables.

    with Lab() as lab:                        # or the fixture `lab`, in a test marked `root`
        a, b = lab.lan(2)                     # two hosts on one switch, 10.78.N.1 and .2
        a.run("ping", "-c1", b.ip)
        a.drop_udp()
        tried = b.count_others(lab.subnet)    # from now on, packets to anywhere else
        server = b.popen("python", "-m", "http.server")
        assert tried() == 0

Everything a Lab made, processes included, is gone when it closes. Needs root, iproute2, nftables.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

NEEDED = ("ip", "nft")
NAMES = Path("/etc/netns")
"""`ip netns exec` shows a process the files of /etc/netns/HOST in the place of those of /etc."""
CUT = """
table inet {table} {{
  chain output {{
    type filter hook output priority 0; policy accept;
    {match} oifname != lo drop
  }}
  chain input {{
    type filter hook input priority 0; policy accept;
    {match} iifname != lo drop
  }}
}}
"""
COUNT = """
table inet others {{
  counter other {{ }}
  chain output {{
    type filter hook output priority -10; policy accept;
    fib daddr type {{ local, broadcast, multicast }} accept
    ip daddr {{ {nets} }} accept
    meta l4proto {{ tcp, udp }} counter name other
  }}
}}
"""


def unable() -> str:
    """Say in a sentence why no lab can be made here, or nothing if it can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "needs root for network namespaces: run it as root, CI does"
    if missing := [name for name in NEEDED if not shutil.which(name)]:
        return f"needs {' and '.join(missing)}: apt-get install iproute2 nftables"
    return ""


def sh(*command: str, stdin: str | None = None) -> str:
    """Run a command that must succeed and give its standard output."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


class Host:
    """A network namespace with its own loopback; `ip` is its address on the first switch."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ip = ""
        self.processes: list[subprocess.Popen[Any]] = []
        sh("ip", "netns", "add", name)
        sh("ip", "-n", name, "link", "set", "lo", "up")

    def inside(self, *command: str) -> list[str]:
        """The command line that runs `command` in here."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(
        self, *command: str, timeout: float = 60, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in here to its end; its output is captured as text."""
        options = {"capture_output": True, "text": True, **more}
        return subprocess.run(self.inside(*command), timeout=timeout, **options)

    def popen(self, *command: str, **more: Any) -> subprocess.Popen[Any]:
        """Start a process (group) in here that ends with the lab at the latest."""
        process = subprocess.Popen(self.inside(*command), start_new_session=True, **more)
        self.processes.append(process)
        return process

    def know(self, **names: str) -> None:
        """Let what is started from now on find these names of hosts, ``_`` for a dot; a later call
        changes them for what runs already, too."""
        lines = [f"{ip} {name.replace('_', '.')}" for name, ip in names.items()]
        folder = NAMES / self.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts").write_text("\n".join(("127.0.0.1 localhost", *lines, "")))

    def nft(self, rules: str) -> None:
        """Load nftables rules in here."""
        sh(*self.inside("nft", "-f", "-"), stdin=rules)

    def drop_udp(self) -> None:
        """Drop every UDP packet in and out, but for those a process sends to its own host."""
        self.nft(CUT.format(table="noudp", match="meta l4proto udp"))

    def drop_all(self) -> None:
        """Cut the host off, both ways; `restore` heals it."""
        self.nft(CUT.format(table="cut", match=""))

    def restore(self) -> None:
        """Take away what `drop_udp` and `drop_all` did."""
        for table in ("noudp", "cut"):
            self.run("nft", "delete", "table", "inet", table)

    def count_others(self, *mine: str) -> Counter:
        """Count TCP and UDP packets from here to any address but its own and `mine` (subnets)."""
        self.nft(COUNT.format(nets=", ".join(mine)))
        return Counter(self)

    def close(self) -> None:
        """End the processes of this host, then the host."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        for pid in sh("ip", "netns", "pids", self.name).split():
            os.kill(int(pid), signal.SIGKILL)
        sh("ip", "netns", "delete", self.name)
        shutil.rmtree(NAMES / self.name, ignore_errors=True)


class Counter:
    """Reads how many packets a host sent to anyone else."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def __call__(self) -> int:
        """Packets so far."""
        shown = self.host.run("nft", "list", "counter", "inet", "others", "other").stdout
        found = re.search(r"packets (\d+)", shown)
        assert found, shown
        return int(found[1])


class Lab:
    """Makes hosts and switches under names that no other lab has, and removes them all."""

    def __init__(self) -> None:
        self.tag = "cx" + secrets.token_hex(3)
        self.hosts: list[Host] = []
        self.switches: list[Host] = []
        self.subnet = ""

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        for host in [*self.hosts, *self.switches]:
            host.close()

    def host(self, label: str) -> Host:
        """A new host, not yet on any cable."""
        host = Host(f"{self.tag}-{label}")
        self.hosts.append(host)
        return host

    def lan(self, count: int) -> list[Host]:
        """That many new hosts on one new switch, each with a default route into nowhere."""
        hosts = [self.host(f"h{len(self.hosts) + n}") for n in range(count)]
        self.switch(*hosts)
        return hosts

    def switch(self, *hosts: Host) -> str:
        """Plug hosts into a new switch, addresses .1, .2, ...; gives its subnet.

        The switch is a namespace too, so that no rule of the machine's own reaches its traffic.
        """
        number = len(self.switches)
        middle = Host(f"{self.tag}-s{number}")
        self.switches.append(middle)
        sh("ip", "-n", middle.name, "link", "add", "br0", "type", "bridge")
        sh("ip", "-n", middle.name, "link", "set", "br0", "up")
        for n, host in enumerate(hosts, 1):
            address = f"10.78.{number}.{n}"
            port, cable = f"eth{number}", f"p{n}"
            sh(
                *("ip", "-n", host.name, "link", "add", port, "type", "veth"),
                *("peer", "name", cable, "netns", middle.name),
            )
            sh("ip", "-n", middle.name, "link", "set", cable, "up", "master", "br0")
            sh("ip", "-n", host.name, "address", "add", f"{address}/24", "dev", port)
            sh("ip", "-n", host.name, "link", "set", port, "up")
            if not host.ip:
                host.ip = address
                sh("ip", "-n", host.name, "route", "add", "default", "dev", port)
        self.subnet = f"10.78.{number}.0/24"
        return self.subnet
