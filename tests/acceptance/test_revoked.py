"""Who is put out of the mesh in the middle of its work hears so at once, and ends."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.harness import TestMesh
from tests.until import until

DOVE = """
from chatixia import Agent
agent = Agent("dove", "Waits")
agent.run()
"""
SAID = "pi was revoked by the owner"


async def test_a_revoked_machines_call_and_agent_end_at_once(net: TestMesh, tmp_path: Path):
    """Its call could last two minutes more, its agent for ever."""
    ledger, pi = tmp_path / "ledger", {"CHATIXIA_HOME": str(tmp_path / "pi")}
    (tmp_path / "dove.py").write_text(DOVE)
    net.up()
    net.worker("a", LEDGER=str(ledger))
    string = net.cli("invite", "pi", "--no-wait")["join"]
    assert net.procs.run("join", string, **pi).returncode == 0
    agent = net.procs.start("run", "dove.py", **pi)
    agent.wait_for("online")
    words = ("call", "a", "hold", "n=1", "seconds=120", "--timeout", "120")
    calls = [net.procs.start(*words, *more, **pi) for more in ((), ("--queue",))]
    await until(lambda: ledger.exists() and len(ledger.read_text().splitlines()) >= 2, 30)
    assert net.procs.run("revoke", "pi").returncode == 0
    for process in (agent, *calls):
        assert process.wait(20) == 4
        assert SAID in process.stream("err") and "`chatixia invite" in process.stream("err")
