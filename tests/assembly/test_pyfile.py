"""A user's file that cannot be run is one sentence with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.assembly.pyfile import run_file
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
    with pytest.raises(ConfigError, match="is no Python file"):
        run_file(tmp_path / "none.py")
