"""Two machines and a code: from `invite --code` to a direct call, with nothing else to copy."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest

from tests.acceptance.harness import ONLINE, WORKER
from tests.lab.netns import Host, Lab
from tests.lab.procs import CHATIXIA, Process, Procs

LONG = 120
KEY = r"(?:[0-9a-f]{4}-){3}[0-9a-f]{4}"
pytestmark = [pytest.mark.root, pytest.mark.timeout(LONG + 120)]


class Machine:
    """A host with a home of its own, and its terminal."""

    def __init__(self, procs: Procs, host: Host, name: str) -> None:
        self.procs, self.host, self.ip = procs, host, host.ip
        self.home = procs.folder / name

    def start(self, *words: str, program: tuple[str, ...] = CHATIXIA) -> Process:
        home = str(self.home)
        return self.procs.start(*words, program=program, host=self.host, CHATIXIA_HOME=home)

    def type(self, *words: str, code: int | None = 0) -> Any:
        """Run a command to its end; everything that it printed. ``code``: None for any failure."""
        process = self.start(*words)
        done = process.wait(LONG)
        assert done == code if code is not None else done, process.output
        return process.output


@pytest.fixture
def machines(procs: Procs, lab: Lab) -> tuple[Machine, Machine]:
    """One with the owner and a registry that the other can reach."""
    a, b = (Machine(procs, host, name) for host, name in zip(lab.lan(2), "ab", strict=True))
    a.start("up", "--lan").wait_for(r"next\s|ready", LONG)
    return a, b


def code_of(owner: Machine) -> tuple[list[str], str]:
    """The words to type on the other machine, and the registry's key."""
    shown = owner.type("invite", "--code")
    line = re.search(r"chatixia (pair \S+ \d{6})\b", shown)
    key = re.search(rf"registry +key ({KEY})", shown)
    assert line and key, shown
    return line[1].split(), key[1]


def asks(
    machine: Machine, words: list[str], registry: str, name: str = "pi"
) -> tuple[Process, str]:
    """`pair`, which shows the registry's key as the owner saw it; and this machine's key."""
    pairing = machine.start(*words, "--as", name)
    own = pairing.wait_for(rf"machine +{name} +key ({KEY})", LONG)
    assert f"key {registry}" in pairing.output, pairing.output
    return pairing, own[1]


def test_from_a_code_to_a_direct_call(machines: tuple[Machine, Machine]):
    a, b = machines
    words, registry = code_of(a)
    pairing, key = asks(b, words, registry)
    assert re.search(rf"pi +{key} .*{re.escape(b.ip)}", a.type("pending"))
    a.type("approve", "pi", "--key", key)
    assert pairing.wait(LONG) == 0, pairing.output
    assert "as pi" in pairing.output
    b.start("w", program=(sys.executable, str(WORKER))).wait_for(ONLINE, LONG)
    said = a.type("call", "w", "echo", "data=hello", "--direct")
    assert "hello" in said and "w, direct (" in said, said


def test_rejected_and_swapped_keys_are_one_sentence_at_each_end(
    machines: tuple[Machine, Machine],
):
    a, b = machines
    words, registry = code_of(a)
    pairing, key = asks(b, words, registry)
    swapped = f"0000{key[4:]}" if not key.startswith("0000") else f"1111{key[4:]}"
    refused = a.type("approve", "pi", "--key", swapped, code=4)
    assert "somebody stands between" in refused and "chatixia reject pi" in refused
    a.type("reject", "pi")
    assert pairing.wait(LONG) == 4
    assert len(re.findall("rejected pi", pairing.output)) == 1, pairing.output
    again = b.type(*words, "--as", "pi", code=4)
    assert "wrong, used or older than five minutes" in again
    other = b.type(*code_of(a)[0], "--as", "pi", "--key", swapped, code=4)
    assert "another stands in its place" in other
