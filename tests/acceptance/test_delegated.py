"""A machine that the registry lets in within what its owner delegated: typed from end to end."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.acceptance.harness import ONLINE, WORKER
from tests.acceptance.test_pairing import LONG, Machine, asks, code_of, machines  # noqa: F401 - a fixture
from tests.lab.procs import Process

APPROVER = str(Path(__file__).with_name("approver.py"))
pytestmark = [pytest.mark.root, pytest.mark.timeout(LONG + 240)]

DOOR = """\
from chatixia import Agent, Ctx

agent = Agent("door")


@agent.skill
async def unlock(ctx: Ctx) -> str:
    "Unlock for whom an owner let in."
    return f"unlocked for {ctx.caller}, {ctx.trust}"
"""


def approves(owner: Machine, person: str, name: str, key: str) -> str:
    """What an admin of the hub saw, and was answered."""
    shown = owner.type("people", "add", person, "--role", "admin")
    link = re.search(r"https?://\S+#\S+", shown)
    assert link, shown
    python = (sys.executable,)
    said = owner.start(APPROVER, link[0], name, key, program=python)
    assert said.wait(LONG) == 0, said.output
    return str(said.output)


def works(machine: Machine, name: str) -> Process:
    process = machine.start(name, program=(sys.executable, str(WORKER)))
    process.wait_for(ONLINE, LONG)
    return process


def door(machine: Machine) -> None:
    """An agent that takes only whom an owner let in."""
    folder = machine.home / "door"
    folder.mkdir(parents=True)
    (folder / "agent.yaml").write_text("name: door\ntrust: owner\n")
    (folder / "agent.py").write_text(DOOR)
    machine.start("run", str(folder)).wait_for(ONLINE, LONG)


def test_from_a_delegation_to_its_withdrawal(machines: tuple[Machine, Machine]):  # noqa: F811 - the fixture
    a, b = machines
    words = ("registry", "delegate", "--names", "lab-*", "--roles", "worker", "--days", "30")
    assert "lab-* as worker to the registry, until" in a.type(*words)
    typed, registry = code_of(a)
    pairing, key = asks(b, typed, registry, "lab-1")
    swapped = f"0000{key[4:]}" if not key.startswith("0000") else f"1111{key[4:]}"
    assert "somebody stands between" in approves(a, "eve", "lab-1", swapped)
    said = approves(a, "anna", "lab-1", key)
    assert f'"key": "{key}"' in said and '"delegated": true' in said
    assert pairing.wait(LONG) == 0, pairing.output
    assert re.search(r"as lab-1 .*trust: registry, until 20", pairing.output), pairing.output

    worker = works(b, "lab-w")
    works(a, "here")
    door(a)
    said = a.type("call", "lab-w", "echo", "data=hello", "--direct")
    assert "hello" in said and "lab-w, direct (" in said, said
    assert re.search(r"lab-w .*trust: registry", a.type("agents"))
    assert "lab-* to the registry, until" in a.type("status")
    assert "owner" in a.type("call", "door", "unlock", "--direct")
    refused = b.type("call", "door", "unlock", code=4)
    assert refused.count("trust: owner") == 1 and "WARNING" not in refused, refused
    refused = b.type("call", "door", "unlock", "--direct", code=4)
    assert "trust: owner" in refused, refused

    assert "1 machine of it is out" in a.type("registry", "withdraw")
    worker.wait_for("withdrew", LONG)
    refused = a.type("call", "lab-w", "echo", "data=hello", "--direct", code=None)
    assert "hello" not in refused, refused
    assert "withdrew" in b.type("agents", code=4)
    assert "lab-w" not in a.type("agents")
    lines = a.type("audit")
    for act in ("registry.delegate", "pairings.approve", "revoke"):
        assert act in lines, lines
    assert "signed by the registry" in lines
