"""A real coturn with the configuration that deploy/coturn ships, in a host of the lab.

server = Coturn(net.public(), tmp_path)
net.up(TURN_URL=server.urls(), TURN_SECRET=server.secret)
server.stop()
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

from .netns import Host

SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "coturn" / "turnserver.conf"
SECRET: Final = "0123456789abcdef0123456789abcdef"
PORT: Final = 3478


def no_coturn() -> str:
    """Say in a sentence why there is none, or nothing if there is."""
    return "" if shutil.which("turnserver") else "needs coturn: apt-get install coturn"


class Coturn:
    """Serves from now until ``stop`` or the lab's end. ``more``: further lines of configuration."""

    secret = SECRET

    def __init__(self, host: Host, folder: Path, *more: str) -> None:
        self.host = host
        self.log = folder / f"coturn-{host.ip}.log"
        text = SHIPPED.read_text()
        text = text.replace("#external-ip=203.0.113.2", f"external-ip={host.ip}")
        text = text.replace("#static-auth-secret=", f"static-auth-secret={SECRET}")
        own = (f"listening-ip={host.ip}", f"relay-ip={host.ip}", "log-file=stdout", "verbose")
        pid = f"pidfile={folder / f'coturn-{host.ip}.pid'}"
        self.config = folder / f"turnserver-{host.ip}.conf"
        self.config.write_text("\n".join((text, *own, pid, *more, "")))
        self.start()

    def start(self) -> None:
        """Start it (again) and wait until it answers."""
        with self.log.open("w") as log:
            self.process = self.host.popen(
                "turnserver", "-c", str(self.config), stdout=log, stderr=subprocess.STDOUT
            )
        ready = self.host.run("sh", "-c", WAIT.format(ip=self.host.ip, port=PORT))
        assert ready.returncode == 0, self.log.read_text()[-2000:]

    def urls(self, *transports: str) -> str:
        """Its URLs as ``TURN_URL`` takes them; by default for UDP and TCP."""
        return " ".join(
            f"turn:{self.host.ip}:{PORT}?transport={each}" for each in transports or ("udp", "tcp")
        )

    def stop(self) -> None:
        """Kill it, as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


WAIT = """
for n in $(seq 100); do
  ss -Hlnt src {ip}:{port} | grep -q . && exit 0
  sleep 0.1
done
exit 1
"""
