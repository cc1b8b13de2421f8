"""All that is wrong with a manifest at once, each with its line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from chatixia.assembly.run.manifest_check import check_manifest, unreachable

MISTAKES = """\
name: weather
nmae: x
provider: acme
slots: many
skills:
  builtin: [delegate]
  prompts: [{name: x}]
"""
MISSING = """\
name: weather
skills:
  builtin:
    - delegate
    - delegat
  dirs: [none, empty, half]
fallback: [acme]
"""


def rows(folder: Path) -> list[tuple[str, int, str]]:
    found = check_manifest(str(folder))
    assert all(each.file == str(folder / "agent.yaml") for each in found)
    return [(each.level, each.line, each.key) for each in found]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "LLM_PROVIDER"):
        monkeypatch.delenv(name, raising=False)


def test_every_mistake_of_keys_and_values_is_named(tmp_path: Path):
    (tmp_path / "agent.yaml").write_text(MISTAKES)
    assert rows(tmp_path) == [
        ("error", 2, "nmae"),
        ("error", 3, "provider"),
        ("error", 4, "slots"),
        ("error", 7, "skills.prompts[0]"),
    ]


def test_files_and_names_that_are_not_there_are_named(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "skill.json").write_text("{}")
    (tmp_path / "agent.yaml").write_text(MISSING)
    found = check_manifest(str(tmp_path))
    errors = [each for each in found if each.level == "error"]
    assert [(each.line, each.key) for each in errors] == [
        (5, "skills.builtin[1]"),
        (6, "skills.dirs[0]"),
        (6, "skills.dirs[1]"),
        (6, "skills.dirs[2]"),
        (7, "fallback[0]"),
    ]
    texts = " ".join(each.sentence for each in found)
    for words in ("did you mean delegate", "is not there", "no skill.json", "handler.py"):
        assert words in texts


def test_a_list_of_built_in_skills_has_lines_too(tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("name: a\nskills:\n- delegate\n- delegat\n")
    assert rows(tmp_path) == [("error", 4, "skills.builtin[1]")]


def test_a_key_that_is_missing_is_a_warning_and_its_variable_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "agent.yaml").write_text("name: a\n\nprovider: anthropic\n")
    (found,) = check_manifest(str(tmp_path))
    assert (found.level, found.line) == ("warn", 3)
    assert "ANTHROPIC_API_KEY" in found.text
    (tmp_path / ".env").write_text("ANTHROPIC_API_KEY=x")
    assert check_manifest(str(tmp_path)) == []


def test_a_registry_that_does_not_answer_is_a_warning(tmp_path: Path):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]  # bound, and nobody listens
        (tmp_path / "agent.yaml").write_text(f"name: a\nregistry: http://127.0.0.1:{port}\n")
        (found,) = check_manifest(str(tmp_path))
        assert (found.level, found.line, "cannot be reached" in found.text) == ("warn", 2, True)
        one.listen()
        assert check_manifest(str(tmp_path)) == []
        assert unreachable(f"http://127.0.0.1:{port}") == ""


def test_where_there_is_no_manifest(tmp_path: Path):
    assert check_manifest(str(tmp_path)) == check_manifest("a_module:agent") == []
    (tmp_path / "agent.py").write_text("")
    assert check_manifest(str(tmp_path / "agent.py")) == []


def test_each_of_several_agents_is_checked(tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("agents:\n- name: a\n  slts: 1\n- name: b\n  slots: x\n")
    assert rows(tmp_path) == [("error", 3, "slts"), ("error", 5, "slots")]


def test_servers_of_mcp_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FILES_TOKEN", raising=False)
    (tmp_path / "agent.yaml").write_text(
        "name: weather\nmcp:\n  files:\n    command: x\n    env: [FILES_TOKEN]\n"
        "  web:\n    url: nowhere\n  bad:\n    comand: x\n"
    )
    assert rows(tmp_path) == [("error", 2, "mcp[...]")]
    text = (tmp_path / "agent.yaml").read_text().replace("comand", "command")
    (tmp_path / "agent.yaml").write_text(text)
    assert rows(tmp_path) == [("error", 6, "mcp.web"), ("warn", 3, "mcp.files")]


def test_a_program_that_is_not_here_is_a_warning(tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("name: weather\nexec: [./here]\n")
    assert rows(tmp_path) == [("warn", 2, "exec[0]")]
    (tmp_path / "here").touch(mode=0o755)
    assert rows(tmp_path) == []
