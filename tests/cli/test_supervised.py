"""A supervised sidecar reads no command line: its settings were handed on, click is not loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from chatixia.cli.supervised import main


def test_without_settings_it_says_so(home: Path, capsys, monkeypatch):
    monkeypatch.delenv("CHATIXIA_SIDECAR_SETTINGS", raising=False)
    assert main(["s.sock"]) == 2
    assert "only a supervisor sets it" in capsys.readouterr().err


def test_a_refusal_ends_it_with_its_sentence(home: Path, capsys, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("CHATIXIA_SIDECAR_SETTINGS", '{"name": "side"}')
    (tmp_path / "s.sock").write_text("no socket")
    assert main([str(tmp_path / "s.sock")]) == 2
    assert capsys.readouterr().err.strip()


def test_what_it_runs_loads_no_click_and_no_agent():
    modules = (
        "chatixia.cli.supervised chatixia.assembly.run.running chatixia.assembly.sidecar.process"
        " chatixia.assembly.wiring chatixia.sidecar.server chatixia.peer.driver"
    )
    code = f"import sys, {', '.join(modules.split())}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    heavy = {"click", "chatixia.client.mesh", "chatixia.agent.signature", "difflib"}
    assert not heavy & set(done.stdout.split())
