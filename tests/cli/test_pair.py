"""The machine's terminal of a pairing: keys to compare, then a working machine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from chatixia.assembly.membership import approve
from chatixia.core import fingerprints
from chatixia.testing.registry import RegistryProcess

from .pairing import owner

KEY = r"(?:[0-9a-f]{4}-){3}[0-9a-f]{4}"


def elsewhere(monkeypatch: Any, tmp_path: Path) -> None:
    """From now on commands are typed on another machine."""
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "other"))


def test_it_shows_both_keys_waits_and_goes_on(registry, type_, tmp_path, monkeypatch):
    profile, keys = registry.profile, []
    made = approve.create_code(profile).code
    elsewhere(monkeypatch, tmp_path)

    def decide(machine: approve.PendingMachine) -> None:
        keys.append(machine.key)
        approve.approve(profile, machine, names=["pi", "pi-*"])

    with owner(registry, decide):
        done = type_("pair", registry.url.partition("://")[2], made, "--as", "pi", "--json")
    assert done.code == 0
    shown = re.findall(KEY, done.err)
    assert shown == [fingerprints.of_registry(profile.mesh, profile.registry_key), *keys]
    assert "joined  mesh home as pi  agents called pi-* started here need no" in done.err
    kinds = [json.loads(line)["kind"] for line in done.out.splitlines()]
    assert kinds == ["pairing", "joined"]
    assert type_("status").code == 0


def test_a_wrong_code_and_a_wrong_key_are_a_sentence(registry, type_, tmp_path, monkeypatch):
    made = approve.create_code(registry.profile).code
    elsewhere(monkeypatch, tmp_path)
    address = registry.url.partition("://")[2]
    done = type_("pair", address, "000000" if made != "000000" else "1" * 6, "--as", "pi")
    assert done.code == 4 and "wrong, used or older than five minutes" in done.err
    assert type_("pair", "127.0.0.1:1", "12").code == 2
    assert not list((tmp_path / "other").glob(".home.pair-*"))  # keys that are nobody's
    done = type_("pair", address, made, "--as", "pi", "--key", "0000-0000-0000-0000")
    assert done.code == 4 and "another stands in its place" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_ctrl_c_says_how_to_go_on(registry: RegistryProcess, type_, tmp_path, monkeypatch):
    made = approve.create_code(registry.profile).code
    elsewhere(monkeypatch, tmp_path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chatixia.cli.pair.show", interrupted)
    words = ("pair", registry.url.partition("://")[2], made, "--as", "pi")
    done = type_(*words)
    assert (done.code, "the same command goes on" in done.err) == (130, True)
    monkeypatch.undo()
    elsewhere(monkeypatch, tmp_path)
    profile = registry.profile
    with owner(registry, lambda machine: approve.approve(profile, machine)):
        assert type_(*words).code == 0
