"""The repository's own promises: lock files, version, wheel, size of an install."""

from __future__ import annotations

import ast
import functools
import importlib.metadata as metadata
import pathlib
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import chatixia

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {path.stem: path.read_text() for path in (ROOT / "requirements").glob("*.lock")}
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.M)
MEGABYTES = 110


def pins(name: str) -> dict[str, set[str]]:
    """Package -> the versions a lock names (one per range of Pythons)."""
    found: dict[str, set[str]] = {}
    for package, version in PIN.findall(LOCKS[name]):
        found.setdefault(canonicalize_name(package), set()).add(version)
    return found


def group(name: str) -> list[str]:
    """The requirements of a dependency group, included groups resolved."""
    found: list[str] = []
    for item in PROJECT["dependency-groups"][name]:
        found += [item] if isinstance(item, str) else group(item["include-group"])
    return found


def unmet(wanted: list[str], lock: str) -> list[str]:
    there = pins(lock)
    wants = [Requirement(text) for text in wanted]
    return [
        str(want)
        for want in wants
        if not any(
            want.specifier.contains(v, prereleases=True)
            for v in there.get(canonicalize_name(want.name), ())
        )
    ]


@pytest.mark.parametrize("name", ["base", "demo", "dev", "all"])
def test_locks_name_no_host_and_hash_everything(name: str):
    text = LOCKS[name]
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    entries = re.split(r"^(?=\w)", text, flags=re.M)[1:]
    assert len(entries) > 10
    assert not [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]


def test_locks_hold_what_the_project_asks_for():
    base = PROJECT["project"]["dependencies"] + group("build")
    extras = [r for rs in extras_of().values() for r in rs if not r.startswith("chatixia-mesh[")]
    assert not unmet(base, "base")
    assert not unmet(base + group("demo"), "demo")
    assert not unmet(base + group("dev"), "dev")
    assert not unmet(base + extras, "all")


def test_a_missing_pin_is_seen():
    assert unmet(["nothing-like-it>=1", "click>=99", "click>=8"], "base") == [
        "nothing-like-it>=1",
        "click>=99",
    ]


def test_locks_agree():
    base = pins("base")
    for name in ("demo", "dev", "all"):
        assert {p: v for p, v in pins(name).items() if p in base} == base, name


def extras_of() -> dict[str, list[str]]:
    return PROJECT["project"]["optional-dependencies"]


def test_an_extra_comes_with_the_code_that_imports_it():
    assert set(extras_of()) == {*OPTIONAL.values(), "all"}
    [whole] = extras_of()["all"]
    assert Requirement(whole).extras == set(extras_of()) - {"all"}


def test_engines_are_pinned_exactly():
    everything = PROJECT["project"]["dependencies"] + extras_of()["aiortc"]
    engines = [Requirement(r) for r in everything if re.match("wrtc|aiortc", r)]
    assert sorted(str(e.specifier) for e in engines) == ["==0.1.0", "==1.16.0"]


def test_the_version_stands_in_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"]
    pattern = re.compile(rf"version\w*[\"']?\s*[:=]+\s*[\"']{re.escape(chatixia.__version__)}[\"']")
    files = [ROOT / "pyproject.toml", *(ROOT / "src").rglob("*.py")]
    named = [p for p in files if pattern.search(p.read_text(encoding="utf-8"))]
    assert named == [ROOT / "src" / "chatixia" / "__init__.py"]


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: pathlib.Path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True, timeout=100)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src" / "chatixia"
    files = (p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    assert {f"chatixia/{p.relative_to(package).as_posix()}" for p in files} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"chatixia", "chatixia_mesh"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def installed(name: str, seen: set[str]) -> int:
    """Bytes on disk of a distribution and all it requires here."""
    key = canonicalize_name(name)
    if key in seen:
        return 0
    seen.add(key)
    found = metadata.distribution(name)
    size = sum(
        path.stat().st_size
        for file in found.files or ()
        if (path := pathlib.Path(str(found.locate_file(file)))).is_file()
    )
    needs = (Requirement(text) for text in found.requires or ())
    return size + sum(
        installed(need.name, seen)
        for need in needs
        if not need.marker or need.marker.evaluate({"extra": ""})
    )


@functools.cache
def owners() -> Mapping[str, list[str]]:
    """Which distributions bring a top-level module; reads every installed file list."""
    return metadata.packages_distributions()


OPTIONAL = {
    "peer/engines/aiortc.py": "aiortc",
    "agent/model/library/anthropic.py": "anthropic",
    "agent/model/library/": "model",
    "gateway/mcp/": "mcp",
    "registry/people/provider.py": "oidc",
}
"""The files, and whole folders, that may need an extra, and which."""
THERE = {"client/artifact.py": {"pydantic_core"}}
"""What is there whenever the import runs: pydantic asks a class for its schema."""


def undeclared(name: str, text: str) -> set[str]:
    """Distributions that a file imports and that installing the package does not bring."""
    tree = ast.parse(text)
    found = (
        {
            word.partition(".")[0]
            for node in ast.walk(tree)
            for word in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and not node.level
                else []
            )
        }
        - sys.stdlib_module_names
        - {"chatixia", "", *THERE.get(name, ())}
    )
    wanted = PROJECT["project"]["dependencies"]
    for place, extra in OPTIONAL.items():
        if name.startswith(place):
            wanted = [*wanted, *PROJECT["project"]["optional-dependencies"][extra]]
    declared = {canonicalize_name(Requirement(text).name) for text in wanted}
    owned = {
        module: {canonicalize_name(one) for one in owners().get(module, [module])}
        for module in found
    }
    return {module for module, ours in owned.items() if not ours & declared}


def test_an_install_brings_what_the_package_imports():
    root = ROOT / "src" / "chatixia"
    for path in root.rglob("*.py"):
        name = path.relative_to(root).as_posix()
        assert not undeclared(name, path.read_text(encoding="utf-8")), name
    assert undeclared("cli/x.py", "import os, numpy\nfrom yaml import load") == {"numpy"}
    assert undeclared("peer/x.py", "import aiortc.rtcdatachannel") == {"aiortc"}


def test_a_base_install_is_small():
    seen: set[str] = set()
    own = sum(p.stat().st_size for p in (ROOT / "src").rglob("*") if p.is_file())
    size = (installed("chatixia-mesh", seen) + own) / 1e6
    assert {"wrtc", "cryptography", "starlette"} <= seen
    assert "aiortc" not in seen
    assert size <= MEGABYTES, f"{size:.0f} MB"
