"""A client of the described contract (requirements A.06, B.4), which knows nothing of chatixia.

It starts the binary that ``SIDECAR_BINARY`` names with ``IPC_SOCKET`` in its environment, waits for
the socket, and speaks the four commands and four events, and no word more.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab.netns import Host
from tests.lab.procs import FAULTS

SCRIPT = """#!{python}
from chatixia.cli import sidecar
sidecar()
"""
POLL_S = 0.1
START_S = 30.0
"""The contract says 5; a machine that runs many tests is slower."""
TIMEOUT_S = 30.0


class DescribedClient:
    """One agent's end."""

    def __init__(self, socket: Path, env: dict[str, str], host: Host | None = None) -> None:
        self._socket, self._env, self.host = socket, env, host
        self._pending: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._handlers: dict[str, Callable[[str, dict[str, Any]], Any]] = {}
        self.peers: set[str] = set()
        self.listed: list[str] = []
        self.changed = asyncio.Event()

    async def start(self) -> None:
        """Spawn the sidecar and connect."""
        self._socket.unlink(missing_ok=True)
        env = {**self._env, "IPC_SOCKET": str(self._socket)}
        command = [env["SIDECAR_BINARY"]]
        if self.host is not None:
            command = self.host.inside(*command)
        with open(f"{self._socket}.log", "w") as log:  # noqa: ASYNC230 - a test's own
            self._process = subprocess.Popen(  # noqa: ASYNC220
                command, env=env, stdout=log, stderr=log
            )
        for _ in range(int(START_S / POLL_S)):
            if self._socket.exists():
                break
            assert self._process.poll() is None, self.log
            await asyncio.sleep(POLL_S)
        self._reader, self._writer = await asyncio.open_unix_connection(
            str(self._socket), limit=16 * 1024 * 1024
        )
        self._listening = asyncio.ensure_future(self._listen())

    def on(self, kind: str, handler: Callable[[str, dict[str, Any]], Any]) -> None:
        """Call ``handler`` for messages of that type."""
        self._handlers[kind] = handler

    async def _listen(self) -> None:
        while line := await self._reader.readline():
            event = json.loads(line)
            payload = event.get("payload") or {}
            if event["type"] == "message":
                self._message(payload["from_peer"], payload["message"])
            elif event["type"] == "peer_connected":
                self.peers.add(payload["peer_id"])
            elif event["type"] == "peer_disconnected":
                self.peers.discard(payload["peer_id"])
            elif event["type"] == "peer_list":
                self.listed = payload["peers"]
            self.changed.set()

    def _message(self, peer: str, message: dict[str, Any]) -> None:
        waiting = self._pending.pop(message.get("request_id", ""), None)
        if waiting is not None:
            waiting.set_result(message)
        elif message["type"] in self._handlers:
            answer = self._handlers[message["type"]](peer, message)
            if answer is not None:
                self.command("send", target_peer=peer, message=answer)

    def command(self, kind: str, **payload: Any) -> None:
        """Send a command: no id, so nothing comes back for it."""
        line = json.dumps({"type": kind, "payload": payload})
        self._writer.write(line.encode() + b"\n")

    async def request(self, peer: str, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message and wait for the one with its request id."""
        rid = message.setdefault("request_id", secrets.token_hex(6))
        waiting = self._pending[rid] = asyncio.get_running_loop().create_future()
        self.command("send", target_peer=peer, message=message)
        try:
            return await asyncio.wait_for(waiting, TIMEOUT_S)
        finally:
            self._pending.pop(rid, None)

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait until an event made it true."""
        async with asyncio.timeout(TIMEOUT_S):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    @property
    def log(self) -> str:
        """What the process printed."""
        return Path(f"{self._socket}.log").read_text()

    def hang_up(self) -> None:
        """Leave the socket."""
        self._listening.cancel()
        self._writer.close()

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return await asyncio.to_thread(self._process.wait, 30)

    async def stop(self) -> int:
        """Hang up and end the process."""
        if hasattr(self, "_listening"):
            self.hang_up()
        self._process.terminate()
        return await self.ended()


def environment(home: Path, name: str, url: str, binary: Path) -> dict[str, str]:
    """What the described agent sets for the sidecar of a member; and a planted fault, where there
    is one."""
    return _both(home, url, binary) | {"CHATIXIA_AGENT_ID": name}


def by_key(home: Path, url: str, key: str, binary: Path) -> dict[str, str]:
    """What it sets where this machine is no member: ``home`` holds no mesh."""
    return _both(home, url, binary) | {"API_KEY": key, "TOKEN_URL": f"{url}/api/token"}


def _both(home: Path, url: str, binary: Path) -> dict[str, str]:
    planted = {name: os.environ[name] for name in ("PYTHONPATH", *FAULTS) if name in os.environ}
    return planted | {
        "PATH": os.environ["PATH"],
        "CHATIXIA_HOME": str(home),
        "SIGNALING_URL": url.replace("http", "ws", 1) + "/ws",
        "SIDECAR_BINARY": str(binary),
    }


def script(folder: Path) -> Path:
    """`chatixia-sidecar`, as it is installed."""
    binary = folder / "chatixia-sidecar"
    binary.write_text(SCRIPT.format(python=sys.executable))
    binary.chmod(0o755)
    return binary
