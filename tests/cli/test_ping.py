"""`ping` says by which way, and how long."""

import json
from types import SimpleNamespace

import pytest

from chatixia import Agent
from chatixia.cli import ping as command
from chatixia.cli.common import Console
from chatixia.cli.ping import measure
from chatixia.testing import mesh_of


async def test_lines(capsys, monkeypatch):
    async def at_once(seconds):
        assert seconds == 1.0

    monkeypatch.setattr(command, "asyncio", SimpleNamespace(sleep=at_once))
    async with mesh_of(Agent("anna")) as mesh:
        await measure(mesh, Console(False, False, 0, ""), "anna", 2, 5.0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("  pong  direct ") for line in lines)


async def test_json(capsys):
    async with mesh_of(Agent("anna")) as mesh:
        await measure(mesh, Console(True, False, 0, ""), "anna", 1, 5.0)
    said = json.loads(capsys.readouterr().out)
    assert (said["kind"], said["agent"], said["via"]) == ("pong", "anna", "direct")


@pytest.mark.parametrize("count", ["0", "x"])
def test_count(type_, count):
    assert type_("ping", "anna", "-c", count).code == 2
