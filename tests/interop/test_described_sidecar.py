"""A client of the reference implementation's contract drives our sidecar by environment alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.acceptance.harness import TestMesh
from tests.interop.described_client import DescribedClient, environment
from tests.lab.procs import Procs

SCRIPT = """#!{python}
from chatixia.cli import sidecar
sidecar()
"""


def answering(peer: str, message: dict[str, Any]) -> dict[str, Any]:
    """The described answer to a task request."""
    payload = message["payload"]
    return {
        "type": "task_response",
        "request_id": message["request_id"],
        "source_agent": "bob",
        "target_agent": peer,
        "payload": {"result": f"{payload['skill']}: {payload['message']}", "error": ""},
    }


async def test_two_described_clients_work_through_it(procs: Procs, tmp_path: Path):
    binary = tmp_path / "chatixia-sidecar"
    binary.write_text(SCRIPT.format(python=sys.executable))
    binary.chmod(0o755)
    net = TestMesh(procs)
    net.up()
    url = f"http://127.0.0.1:{net.port}"
    (tmp_path / "s").mkdir(mode=0o700)
    alice, bob = (
        DescribedClient(tmp_path / "s" / f"{name}.sock", environment(procs.home, name, url, binary))
        for name in ("alice", "bob")
    )
    await alice.start()
    await bob.start()
    bob.on("task_request", answering)
    messages: list[dict[str, Any]] = []
    bob.on("agent_prompt", lambda peer, message: messages.append(message))
    alice.command("connect", target_peer_id="bob")
    await alice.until(lambda: "bob" in alice.peers)
    await bob.until(lambda: "alice" in bob.peers)
    alice.command("list_peers")
    await alice.until(lambda: alice.listed == ["bob"])
    request = {
        "type": "task_request",
        "source_agent": "alice",
        "target_agent": "bob",
        "payload": {"message": "Oslo", "skill": "forecast"},
    }
    answer = await alice.request("bob", request)
    assert (answer["type"], answer["payload"]) == (
        "task_response",
        {"result": "forecast: Oslo", "error": ""},
    )
    prompt = {"type": "agent_prompt", "payload": {"message": "Hello", "broadcast": True}}
    alice.command("broadcast", message=prompt)
    await bob.until(lambda: messages)
    assert messages[0]["payload"]["message"] == "Hello"
    lost = await alice.request("nobody", {**request, "request_id": "0123456789ab"})
    assert lost["payload"]["error"]
    assert [await alice.stop(), await bob.stop()] == [0, 0]
