"""What type checkers know of the stubs: mypy, and where Node is, pyright and tsc."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

from chatixia.assembly.stubs import typescript
from chatixia.assembly.stubs.schema import agent_types
from tests.assembly.stubs.sample import sample, skills_of, written
from tests.interop.aimock_server import ROOT, node

pytestmark = pytest.mark.timeout(900)  # a checker reads the whole package at its first run
CHECKERS = ROOT / "build/types/node_modules"
PROGRAM = """
from chatixia import Ctx, Mesh, SyncMesh
from weather_stub import Node, SyncWeather, Weather

async def main(mesh: Mesh, ctx: Ctx) -> None:
    weather = mesh.agent("weather", like=Weather, timeout=5)
    reveal_type(weather)
    reveal_type(ctx.agent("weather", like=Weather))
    reveal_type(mesh.agent("weather"))
    forecast = await weather.forecast(city="Oslo", days=2)
    reveal_type(forecast)
    reveal_type(forecast.unit)
    reveal_type(forecast.note)
    if forecast.shape is not None and forecast.shape.type == "circle":
        reveal_type(forecast.shape)
    reveal_type(await weather.get_all())
    async with weather.tell(topic="sea") as items:
        reveal_type(items)
        async for item in items:
            reveal_type(item)
    async for node in weather.nodes(node=Node(value=1)):
        reveal_type(node)

def sync(mesh: SyncMesh) -> None:
    weather = mesh.agent("weather", like=SyncWeather)
    reveal_type(weather)
    reveal_type(weather.forecast(city="Oslo"))
    with weather.tell(topic="sea") as items:
        for item in items:
            reveal_type(item)
    reveal_type(mesh.agent("weather"))

async def refused(mesh: Mesh, sync_mesh: SyncMesh) -> None:
    weather = mesh.agent("weather", like=Weather)
    await weather.forecast(town="Oslo")
    await weather.forecast(city=5)
    await weather.nothing(more=1)
    await weather.forcast(city="Oslo")
    mesh.agent("weather", like=SyncWeather)
    sync_mesh.agent("weather", like=Weather)
"""
SEEN = (
    "Weather Weather AgentHandle Forecast Literal Union Circle list TypedItems str Node"
    " SyncWeather Forecast str SyncHandle"
).split()
"""What each is, by the words that both checkers use."""
REFUSED_LINES = PROGRAM[: PROGRAM.index("async def refused")].count("\n")
REFUSED = {REFUSED_LINES + n for n in range(3, 9)}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A user's project: the stub, and a program."""
    skills = await skills_of(sample())
    (tmp_path / "weather_stub.py").write_text(written("weather", skills), encoding="utf-8")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "weather.ts").write_text(typescript.source(agent_types("weather", skills)))
    return tmp_path


def fits(seen: list[str]) -> None:
    """Each revealed type is the one that is written above."""
    assert len(seen) == len(SEEN), seen
    for word, kind in zip(SEEN, seen, strict=True):
        short = re.sub(r"[\w.]+\.(?=\w)", "", kind.replace("builtins.", ""))
        wanted = {"Union": ("Union", "str | None"), "list": ("list[str]",)}.get(word, (word,))
        assert any(short.removeprefix("type[").startswith(one) for one in wanted), (word, kind)


def test_mypy_is_told_by_a_stub_what_each_skill_takes_and_gives(folder: Path):
    out, fault, _ = api.run(
        [
            "--strict",
            "--config-file=",
            "--python-version=3.11",
            f"--cache-dir={ROOT}/build/mypy-user",
            "--no-error-summary",
            str(folder / "weather_stub.py"),
            str(folder / "program.py"),
        ]
    )
    assert not fault
    fits(re.findall(r"Revealed type is \"(.*)\"", out))
    errors = re.findall(r"(\w+\.py):(\d+): error:", out)
    assert {int(line) for name, line in errors if name == "program.py"} == REFUSED, out
    assert not [name for name, _ in errors if name != "program.py"], out


def checker(package: str) -> Path:
    if not (found := CHECKERS / package).is_dir():
        pytest.skip(f"{package} is not installed: scripts/node.sh does that where npm is")
    return found


def test_pyright_is_told_the_same(folder: Path):
    settings = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "include": ["."]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [node(), str(checker("pyright") / "index.js"), "--outputjson"]
    done = subprocess.run(
        [*command, "--pythonpath", sys.executable, "-p", str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        timeout=300,
    )
    said = json.loads(done.stdout)["generalDiagnostics"]
    notes = [one["message"] for one in said if one["severity"] == "information"]
    fits([re.findall(r'is "(.*)"', note)[0] for note in notes])
    errors = [one for one in said if one["severity"] == "error"]
    assert not [one for one in errors if not one["file"].endswith("program.py")], errors
    assert {one["range"]["start"]["line"] + 1 for one in errors} == REFUSED, errors


CLIENT = """
export class Artifact { readonly name: string = ""; }
"""
USE = """
import type { Forecast, Node, Weather } from "./weather.js";

type Skills<S> = { [K in keyof S]: (args: never) => unknown };
declare function agent<S extends Skills<S>>(name: string): S;

export async function main(): Promise<void> {
  const weather = agent<Weather>("weather");
  const forecast: Forecast = await weather.forecast({ city: "Oslo", unit: "f" });
  const note: string | null | undefined = forecast.note;
  const all: string[] = await weather["get-all"]({ mode: "fastest" });
  for await (const word of weather.tell({ topic: "sea" })) word.toUpperCase();
  const nodes: AsyncIterable<Node> = weather.nodes({ node: { value: 1, children: [] } });
  if (forecast.shape?.type === "circle") forecast.shape.r.toFixed();
  await weather.nothing();
  // @ts-expect-error
  await weather.forecast({ town: "Oslo" });
  // @ts-expect-error
  await weather.forecast({ city: 5 });
  void [note, all, nodes];
}
"""


def test_tsc_is_told_the_same(folder: Path):
    package = folder / "node_modules" / "chatixia-mesh"
    package.mkdir(parents=True)
    exports = '{"name":"chatixia-mesh","exports":{"./artifacts":{"types":"./artifact.d.ts"}}}'
    (package / "package.json").write_text(exports)
    (package / "artifact.d.ts").write_text(CLIENT.replace(' = ""', ""))
    (folder / "use.ts").write_text(USE)
    command = [node(), str(checker("typescript") / "bin" / "tsc"), "--noEmit", "--strict"]
    options = ["--target", "es2022", "--module", "nodenext", "--skipLibCheck", "false"]
    done = subprocess.run(
        [*command, *options, "use.ts", "weather.ts"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout
