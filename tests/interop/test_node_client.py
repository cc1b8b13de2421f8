"""The Node client: its own tests, its table of errors, what it packs and how large it is."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

import chatixia
from chatixia.errors import TABLE
from chatixia.wire import ipc
from chatixia.wire.ipc_events import commands
from scripts import node_errors
from tests.interop.node_client import SOURCE, built, node, unable

GOLDEN = Path(__file__).parents[1] / "golden" / "ipc" / "events.jsonl"
KIB = 1024
MINIFIED, COMPRESSED = 12 * KIB, 6 * KIB
"""Of the main entry, with all that is loaded with it."""
WHOLE = 23 * KIB
"""Minified, with what is loaded only where it is used."""
LATER = set("arguments artifact ask failure prompt rare sentences task tcp".split())
MODULES = {path.stem for path in (SOURCE / "src").glob("*.ts")}
PACKED = {"package.json", "README.md", "LICENSE"} | {
    f"dist/{name}{end}" for name in MODULES for end in (".js", ".d.ts")
}
SAID = set(
    "hello call stream any ask skills ping agents status submit task watch verb cancel credit fetch"
    " release reply fail item progress proof".split()
)
"""Every command but those of the described contract, and `serve`, which hello says too."""
QUIET = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_offline": "true"}


# The compiler takes seconds on an idle machine, and minutes on one that does much else.
pytestmark = pytest.mark.timeout(900)


def run(*command: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_without_node_a_sentence_says_what_is_skipped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert unable() == "there is no Node here"
    with pytest.raises(pytest.skip.Exception, match="there is no Node here: the tests"):
        node()


def unknown_fields(line: dict[str, Any]) -> set[str]:
    """What of a line no command has. Raises where it is none."""
    command = commands.decode(json.dumps(line).encode())
    known = {field.encode_name for field in msgspec.structs.fields(type(command))} | {"type"}
    payload = getattr(command, "payload", None)
    if isinstance(payload, msgspec.Struct):
        inner = {field.encode_name for field in msgspec.structs.fields(type(payload))}
        return set(line) - known | set(line.get("payload", ())) - inner
    return set(line) - known


def test_its_own_tests_pass_and_its_lines_are_commands(tmp_path: Path):
    files = sorted(f"test/{path.name}" for path in SOURCE.glob("test/*.test.mjs"))
    words = ("--test", "--test-reporter=tap", *files)
    places = {"GOLDEN": str(GOLDEN), "LINES": str(tmp_path)}
    shown = subprocess.run(
        [node(), *words],
        cwd=built(),
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        timeout=400,
    ).stdout
    failed = re.findall(r"^not ok .*?^  \.\.\.$", shown, re.M | re.S)
    assert not failed, "\n".join(failed)
    passed = re.search(r"^# pass (\d+)$", shown, re.M)
    written = sum(
        len(re.findall(r"^test\(", path.read_text(), re.M)) for path in SOURCE.glob("test/*.mjs")
    )
    assert passed and int(passed[1]) >= written > 25, shown
    texts = [file.read_text() for file in tmp_path.iterdir()]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    assert {line["type"] for line in lines} >= SAID
    assert not [line for line in lines if unknown_fields(line)]
    assert unknown_fields({"type": "call", "payload": {"target": "a", "time": 1}}) == {"time"}


def test_its_errors_are_written_from_ours():
    for path, text in node_errors.files().items():
        assert path.read_text(encoding="utf-8") == text, "run scripts/node_errors.py"


def test_its_errors_are_ours():
    script = """
import { errors, MeshError, TABLE } from "./dist/index.js";
const silent = [...TABLE].filter(([code, kind]) => new kind().message !== code);
const { sentences } = await import("./dist/sentences.js");
const rows = [...TABLE].map(([code, kind]) => [code, {
  name: kind.name, base: Object.getPrototypeOf(kind).name, sentence: new kind().message,
  retryable: new kind().retryable, outcome: new kind().outcome,
  told: sentences[code], code: new kind().code,
  named: errors[kind.name] === kind, error: new kind() instanceof MeshError,
}]);
console.log(JSON.stringify({ silent, rows: Object.fromEntries(rows) }));
"""
    said = json.loads(run(node(), "--input-type=module", "-e", script, cwd=built()))
    ours = {
        code: {
            "name": kind.__name__,
            "base": kind.__bases__[0].__name__,
            "sentence": kind.sentence,
            "told": kind.sentence,
            "retryable": kind.retry,
            "outcome": kind.default_outcome,
            "code": code,
            "named": True,
            "error": True,
        }
        for code, kind in TABLE.items()
    }
    assert said == {"silent": [], "rows": ours}


USE = """
import { Artifact } from "../dist/artifact.js";
import { connect, errors, type Stream } from "../dist/index.js";

interface Forecast { city: string; high_c: number }
interface Weather {
  forecast(args: { city: string; days?: number }): Promise<Forecast>;
  cities(args?: Record<string, never>): AsyncIterable<string>;
  map(args: { of: Artifact }): Promise<Artifact>;
}

const mesh = await connect({
  skills: { echo: { run: ({ data }: { data: string }, ctx) => `${ctx.caller}: ${data}` } },
});
const weather = mesh.agent<Weather>("weather", { timeout: 5 });
const high: number = (await weather.call("forecast", { city: "Oslo" })).high_c;
const { value, via } = await weather.reply("forecast", { city: "" });
const cities: Stream<string, void> = weather.stream("cities");
for await (const city of cities) city.toUpperCase();
const bytes: Uint8Array = await (await weather.call("map", { of: new Artifact("a") })).read();
const anything = await mesh.agent("other").call("whatever", { n: 1 });
const ms: number = (await mesh.ping("weather")).ms;
const state: string = (await mesh.task("t_1")).state;
for await (const step of mesh.watch("t_1")) console.log(ms, state, step);
// @ts-expect-error: seconds are a number
await mesh.ping("weather", "5");
const error = new errors.NotFound("No.");
const code: "not_found" = error.code;
// @ts-expect-error: no such skill
await weather.call("snow", {});
// @ts-expect-error: an argument of another type
await weather.call("forecast", { city: 7 });
// @ts-expect-error: a value of another type
const wrong: string = await weather.call("forecast", { city: "Oslo" });
console.log(high, value.city.length, via.length, bytes, anything.of.any.kind, code, wrong);
"""


def test_a_program_knows_its_types():
    folder = built() / "typed"
    folder.mkdir(exist_ok=True)
    (folder / "use.mts").write_text(USE)
    compiler = built() / "node_modules" / "typescript" / "bin" / "tsc"
    options = "--noEmit --strict --noImplicitAny --target es2022 --module nodenext".split()
    run(node(), str(compiler), *options, "--types", "node", "typed/use.mts", cwd=built())


def test_its_bounds_are_those_of_the_socket():
    text = (SOURCE / "src" / "wire.ts").read_text()
    told = {name: eval(value) for name, value in re.findall(r"const (\w+) = ([\d *]+);", text)}
    assert told == {
        "VERSION": ipc.IPC_VERSION,
        "MAX_LINE": ipc.MAX_LINE,
        "WINDOW": ipc.STREAM_WINDOW,
        "ITEM_COST": ipc.ITEM_COST,
    }


def test_what_is_packed_is_what_a_program_needs_and_nothing_else(tmp_path: Path):
    run(
        "npm", "pack", "--ignore-scripts", "--pack-destination", str(tmp_path), cwd=built(), **QUIET
    )
    [packed] = tmp_path.glob("*.tgz")
    assert packed.name == f"chatixia-mesh-{chatixia.__version__}.tgz"
    with tarfile.open(packed) as archive:
        names = {member.name.removeprefix("package/") for member in archive.getmembers()}
    assert names == PACKED
    package = json.loads((SOURCE / "package.json").read_text())
    assert "dependencies" not in package and package["version"] == chatixia.__version__


def test_it_is_small():
    """Everything that is loaded with the main entry counts, whether it is used or not."""
    bundle = (built() / "bundle" / "index.js").read_bytes()
    sizes = len(bundle), len(gzip.compress(bundle, 9))
    whole = sum(path.stat().st_size for path in (built() / "bundle" / "all").glob("*.js"))
    print(
        f"minified {sizes[0]:,} bytes, compressed {sizes[1]:,}; with what is loaded later {whole:,}"
    )
    assert sizes[0] <= MINIFIED and sizes[1] <= COMPRESSED and whole <= WHOLE, (sizes, whole)


def test_what_is_seldom_used_is_loaded_only_then():
    """By the imports of what is packed: none of these comes with the main entry."""
    loaded, queue = set(), ["index"]
    while queue:
        text = (built() / "dist" / f"{queue.pop()}.js").read_text()
        found = set(re.findall(r'^(?:import|export)\b[^;]*"\./(\w+)\.js";', text, re.M)) - loaded
        loaded |= found
        queue += found
    assert loaded | {"index"} == {
        path.removeprefix("src/").removesuffix(".ts") for path in bundled()
    }
    assert MODULES - loaded - {"index"} == LATER


def bundled() -> list[str]:
    """What the bundle of the main entry is made of."""
    return list(json.loads((built() / "bundle" / "loaded.json").read_text()))


def test_what_builds_it_is_pinned_by_hash_and_names_no_host():
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert {"node_modules/esbuild", "node_modules/typescript"} <= set(packages)
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert all(one.get("dev") and "resolved" not in one for one in packages.values())
    assert not lock["packages"][""].get("dependencies")
