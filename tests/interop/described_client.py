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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab.procs import FAULTS

POLL_S = 0.1
START_S = 30.0
"""The contract says 5; a machine that runs many tests is slower."""
TIMEOUT_S = 30.0


class DescribedClient:
    """One agent's end."""

    def __init__(self, socket: Path, env: dict[str, str]) -> None:
        self._socket, self._env = socket, env
        self._pending: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._handlers: dict[str, Callable[[str, dict[str, Any]], Any]] = {}
        self.peers: set[str] = set()
        self.listed: list[str] = []
        self.changed = asyncio.Event()

    async def start(self) -> None:
        """Spawn the sidecar and connect."""
        self._socket.unlink(missing_ok=True)
        env = {**self._env, "IPC_SOCKET": str(self._socket)}
        with open(f"{self._socket}.log", "w") as log:  # noqa: ASYNC230 - a test's own
            self._process = subprocess.Popen(  # noqa: ASYNC220
                [env["SIDECAR_BINARY"]], env=env, stdout=log, stderr=log
            )
        for _ in range(int(START_S / POLL_S)):
            if self._socket.exists():
                break
            assert self._process.poll() is None, Path(f"{self._socket}.log").read_text()
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

    async def stop(self) -> int:
        """Hang up and end the process."""
        self._listening.cancel()
        self._writer.close()
        self._process.terminate()
        return await asyncio.to_thread(self._process.wait, 30)


def environment(home: Path, name: str, url: str, binary: Path) -> dict[str, str]:
    """What the described agent sets for its sidecar; and a planted fault, where there is one."""
    planted = {name: os.environ[name] for name in ("PYTHONPATH", *FAULTS) if name in os.environ}
    return planted | {
        "PATH": os.environ["PATH"],
        "CHATIXIA_HOME": str(home),
        "CHATIXIA_AGENT_ID": name,
        "SIGNALING_URL": url.replace("http", "ws", 1) + "/ws",
        "SIDECAR_BINARY": str(binary),
    }
