"""agent.yaml, AGENT.md and .env."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.agent.manifest import MAX_BYTES, environment, find, load, parse
from chatixia.errors import ConfigError

FULL = """
name: weather
description: Forecasts
registry: http://localhost:8080
provider: ollama
model: llama
prompt: Be brief.
sidecar: {binary: chatixia-sidecar, api_key: ak_1, socket: /tmp/x.sock}
skills:
  builtin: [delegate]
  dirs: [skills]
  disabled: [forecast]
  prompts:
    - name: summarize
      prompt: Summarize the text.
      parameters: {text: {required: true}}
data_dir: data
max_turns: 5
context_window: 1000
goals: [{name: x}]
callers: [laptop]
fallback: ["ollama:llama"]
model_settings: {temperature: 0.2, extra: {a: 1}}
budgets:
  task: {turns: 5}
  agent: {money: 2.5}
  tokens_per_minute: 90000
role: worker
mesh: work
engine: wrtc
slots: 3
links: {keep: all}
"""


def write(folder: Path, text: str, name: str = "agent.yaml") -> Path:
    (folder / name).write_text(text)
    return folder


def test_every_key(tmp_path: Path):
    found = load(write(tmp_path, FULL))
    made = found.manifest
    assert (made.name, made.sidecar.api_key, made.skills.dirs) == ("weather", "ak_1", ["skills"])
    assert made.links.keep == "all"
    assert parse({"membership_ttl": "12h"}, "here").membership_ttl == 43_200
    assert "sidecar.api_key" in found.keys
    assert found.unused == ["sidecar.binary changes nothing: the sidecar is part of chatixia"]
    assert (made.callers, made.fallback) == (["laptop"], ["ollama:llama"])
    assert made.model_settings == {"temperature": 0.2, "extra": {"a": 1}}
    assert (made.budgets.task.turns, made.budgets.agent.money) == (5, 2.5)
    assert made.budgets.tokens_per_minute == 90_000
    (skill,) = made.skills.prompts
    assert (skill.name, skill.parameters["text"].required) == ("summarize", True)


def test_defaults():
    made = parse({}, "x")
    assert (made.provider, made.data_dir, made.max_turns) == ("", ".chatixia", 10)
    assert made.context_window == 120_000
    assert made.sidecar.api_key == ""


def test_skills_as_a_list():
    assert parse({"skills": ["delegate"]}, "x").skills.builtin == ["delegate"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nmae: x", "there is no key nmae; did you mean name?"),
        ("sidecar: {apikey: x}", r"there is no key sidecar.apikey; did you mean sidecar.api_key\?"),
        ("zzzzz: 1", "there is no key zzzzz; there are"),
        ("provider: acme", "provider: Invalid enum value 'acme'; use openai, anthropic,"),
        (
            "budgets: {task: {turn: 1}}",
            r"no key budgets.task.turn; did you mean budgets.task.turns",
        ),
        ("budgets: {task: {turns: -1}}", "budgets.task.turns: Expected int >= 0"),
        ("skills: {prompts: [{name: x}]}", "missing required field prompt"),
        ("slots: many", "slots: Expected int, got str"),
        ("slots: 0", "slots: Expected int >= 1"),
        ("name: {a: 1}", "there is no key name.a"),
        ("- a", "a manifest is a list of keys"),
        ("a: [", "line 1: this is not YAML"),
        ("name: hen\nname: cow", "line 2: the key name is given twice"),
    ],
)
def test_refusals(tmp_path: Path, text: str, says: str):
    with pytest.raises(ConfigError, match=says):
        load(write(tmp_path, text))


def test_what_stands_beside_it(tmp_path: Path):
    write(tmp_path, "name: a\nprompt: One.")
    write(tmp_path, "Two.", "AGENT.md")
    write(tmp_path, "A=1\n# no\nexport B='x y'\nC=z # why\n\n", ".env")
    found = load(tmp_path)
    assert found.system_prompt == "One.\n\nTwo."
    assert found.environment == {"A": "1", "B": "x y", "C": "z"}
    assert found.folder == tmp_path


def test_a_bad_env_line_is_named(tmp_path: Path):
    write(tmp_path, "A=1\nnonsense", ".env")
    with pytest.raises(ConfigError, match="line 2: write NAME=value"):
        environment(tmp_path / ".env")
    assert environment(tmp_path / "none") == {}


def test_finding(tmp_path: Path):
    assert find(tmp_path) is None
    write(tmp_path, "name: a", "agent.yml")
    assert find(tmp_path) == tmp_path / "agent.yml"
    assert find(tmp_path / "agent.yml") == tmp_path / "agent.yml"
    with pytest.raises(ConfigError, match=r"other.yaml is not there"):
        find(tmp_path / "other.yaml")
    with pytest.raises(ConfigError, match="There is no agent.yaml"):
        load(write(tmp_path / "..", "", "x.txt") / tmp_path.name / "..")


def test_bounds(tmp_path: Path):
    with pytest.raises(ConfigError, match="larger than"):
        load(write(tmp_path, "#" * (MAX_BYTES + 1)))
    (tmp_path / "agent.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path)


def test_an_empty_manifest_is_all_defaults(tmp_path: Path):
    assert load(write(tmp_path, "")).manifest.name == ""


def test_code_is_not_read_as_a_manifest(tmp_path: Path):
    (tmp_path / "agent.py").write_text("x = [")
    with pytest.raises(ConfigError, match="is code; name its folder or its agent.yaml"):
        load(tmp_path / "agent.py")
