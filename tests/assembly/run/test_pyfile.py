"""A user's file that cannot be run is one sentence with the line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chatixia.assembly.run.pyfile import run_file
from chatixia.errors import ConfigError


def test_a_file_is_run_as_a_module_with_its_folder_on_the_path(tmp_path: Path):
    (tmp_path / "helper_of_pyfile.py").write_text("answer = 42")
    (tmp_path / "one.py").write_text("from helper_of_pyfile import answer\nimport sys")
    module = run_file(tmp_path / "one.py")
    assert module.answer == 42
    assert module.sys.modules[module.__name__] is module


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1\nimport nowhere_at_all", r"ModuleNotFoundError: .* \(line 2\)\.$"),
        ("import sys\nsys.exit(3)", r"one.py cannot be loaded: SystemExit: 3 \(line 2\)\.$"),
        ("def f(:", r"SyntaxError: .* \(line 1\)\.$"),
        (
            "from chatixia.errors import ConfigError\nraise ConfigError('As it is.')",
            r"one.py, line 2: As it is\.$",
        ),
    ],
)
def test_its_errors(tmp_path: Path, text: str, says: str):
    (tmp_path / "one.py").write_text(text)
    with pytest.raises(ConfigError, match=says):
        run_file(tmp_path / "one.py")
    with pytest.raises(ConfigError, match="is not a Python file"):
        run_file(tmp_path / "none.py")


@pytest.mark.parametrize("receipt", ["uv-receipt.toml", "pipx_metadata.json", ""])
def test_a_module_that_a_tool_of_its_own_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receipt: str
):
    if receipt:
        (tmp_path / receipt).touch()
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    file = tmp_path / "agent.py"
    file.write_text("import no_such_module.part\n")
    with pytest.raises(ConfigError, match="ModuleNotFoundError: No module named") as found:
        run_file(file)
    cure = "install chatixia-mesh in the environment of your project"
    assert (cure in found.value.message) is bool(receipt)
    assert ("--with no_such_module" in found.value.message) is bool(receipt)
