"""What a machine shows of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.assembly.doctor import machine
from chatixia.world import REAL
from tests.peer.engines.missing import without


def test_the_engine_has_a_version_and_an_age():
    found = machine.engine("wrtc", REAL)
    assert found.name == "wrtc" and found.version and not found.missing
    assert found.days is not None and found.days >= 0


def test_a_missing_engine_is_said():
    assert "no engine" in machine.engine("none", REAL).missing


@pytest.mark.parametrize("name", ["aiortc", "webrtc"])
def test_an_engine_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch, name: str):
    without(monkeypatch, name)
    assert machine.engine("aiortc" if name == "aiortc" else "wrtc", REAL).missing


def test_files_that_others_may_read(tmp_path: Path):
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    (folder / "sign.key").write_bytes(b"x")
    (folder / "sign.key").chmod(0o600)
    assert machine.loose_files(folder) == ([], 2)
    (folder / "sign.key").chmod(0o640)
    assert machine.loose_files(folder) == (["home/sign.key"], 2)
    folder.chmod(0o755)
    assert machine.loose_files(folder)[0] == ["home", "home/sign.key"]


def test_a_folder_without_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "MOST_FILES", 3)
    tmp_path.chmod(0o700)
    for n in range(10):
        (tmp_path / str(n)).touch(0o600)
    assert machine.loose_files(tmp_path)[1] <= 4


def test_our_packages_have_one_owner_here():
    assert all(len(set(who)) == 1 for who in machine.owners().values())
    assert list(machine.owners()["webrtc"]) == ["wrtc"]


def test_ipv6_is_an_address_or_nothing():
    assert machine.ipv6_address() == "" or ":" in machine.ipv6_address()
