"""The whole examination of a machine, with a real registry and without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.assembly.doctor.examine import examine
from chatixia.assembly.doctor.findings import Diagnosis, Finding
from chatixia.testing.registry import RegistryProcess


def line(report: Diagnosis, check: str) -> Finding:
    [found] = [each for each in report.findings if each.check == check]
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CHATIXIA_MESH", raising=False)
    return tmp_path / "home"


def test_without_a_profile(home: Path):
    report = examine()
    assert line(report, "profile").level == "fail" and "chatixia up" in line(report, "profile").cure
    assert report.tier == "none" and line(report, "engine").level == "ok"


def test_with_a_registry_and_after_its_end(home: Path):
    registry = RegistryProcess(home)
    registry.start()
    try:
        report = examine()
        assert "127.0.0.1" in line(report, "registry").text
        assert line(report, "clock").level == line(report, "files").level == "ok"
        assert line(report, "udp").level == line(report, "turn").level == "warn"
        assert report.tier == "direct"
        (home / "home" / "machine" / "sign.key").chmod(0o644)
        files = line(examine(), "files")
        assert files.level == "fail" and "sign.key" in files.text and "chmod" in files.cure
    finally:
        registry.terminate()
    report = examine()
    assert line(report, "registry").level == "fail" and report.tier == "none"
    assert line(report, "engine").level == "ok"
