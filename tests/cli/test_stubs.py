"""`stubs` writes an agent's skills as source, to a file or as JSON."""

from __future__ import annotations

import ast
import json

import pytest

from chatixia.cli.common import Console
from chatixia.cli.stubs import write
from chatixia.errors import UnknownAgent
from chatixia.testing import mesh_of
from tests.assembly.stubs.sample import sample

PLAIN, JSON = Console(False, False, 0, ""), Console(True, False, 0, "")


async def test_python(capsys):
    async with mesh_of(sample()) as mesh:
        await write(mesh, PLAIN, "weather", False)
    out = capsys.readouterr().out
    assert out.endswith("raise NotImplementedError\n") and ast.parse(out)


async def test_typescript_under_another_name(capsys):
    async with mesh_of(sample()) as mesh:
        await write(mesh, PLAIN, "weather", True, "Sky")
    assert "export interface Sky {" in capsys.readouterr().out


async def test_json(capsys):
    async with mesh_of(sample()) as mesh:
        await write(mesh, JSON, "weather", False)
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["agent"], shown["language"]) == ("stubs", "weather", "python")
    assert "class Weather(AgentStub):" in shown["source"]


async def test_nobody_of_that_name():
    async with mesh_of(sample()) as mesh:
        with pytest.raises(UnknownAgent):
            await write(mesh, PLAIN, "wether", False)


@pytest.mark.parametrize("name", ["sky", "A-b", "Ä", "1A"])
def test_the_name_of_a_class(type_, name):
    done = type_("stubs", "weather", "--class", name)
    assert done.code == 2 and "capital letter" in done.err
