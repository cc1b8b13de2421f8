"""docs/rest.md, run as it is printed: a worker and a client that have `curl` and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chatixia.testing.registry import RegistryProcess

PAGE = Path(__file__).parents[2] / "docs" / "rest.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.M | re.S)


@pytest.mark.timeout(180)
def test_the_page_is_run_as_it_is_printed(tmp_path: Path):
    home, folder = tmp_path / "home", tmp_path / "work"
    folder.mkdir()
    registry = RegistryProcess(home, public=["127.0.0.1"])
    registry.start()
    try:
        assert registry.started
        public = next(u for u in registry.started.urls if u.startswith("https://127.0.0.1:"))
        # Another machine is not at hand; the file is what would come over.
        certificate = registry.profile.folder / "registry" / "tls.crt"
        head = ["set -eu", f'scp() {{ cp "{certificate}" "$2"; }}']
        blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
        assert len(blocks) > 10
        done = subprocess.run(
            ["bash", "-c", "\n".join([*head, *blocks])],
            cwd=folder,
            timeout=120,
            env={
                **os.environ,
                "CHATIXIA_HOME": str(home),
                "REGISTRY": registry.url,
                "PUBLIC": public,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
        )
    finally:
        registry.terminate()
    assert done.returncode == 0, done.stdout + done.stderr

    def told(name: str) -> Any:
        return json.loads((folder / name).read_text())

    assert '{"status":"ok"}' in done.stdout  # over TLS, with the certificate that was brought over
    again = told("again.json")
    assert (again["task_id"], again["duplicate"]) == (told("made.json")["task_id"], True)
    assert told("renewed.json")["leases"][0]["lease_ms"] > 5000
    assert told("done.json")["state"] == "completed" and told("failed.json")["state"] == "failed"
    assert told("task.json")["result"] == {"plain": {"pages": 1}}
    assert told("canceled.json")["state"] == "canceled"
    error = told("error.json")
    assert (error["code"], error["outcome"]) == ("not_found", "definite")
    events = (folder / "events").read_text()
    assert events.startswith("event: task\n") and "no paper" in events
