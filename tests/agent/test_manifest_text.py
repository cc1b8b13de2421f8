"""Lines, variables and several agents, before any key means anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.agent import manifest_text
from chatixia.agent.manifest import load, load_all
from chatixia.agent.manifest_text import read_manifest, read_text
from chatixia.errors import ConfigError

SEVERAL = """\
registry: https://r:8443
links: {keep: 3}
agents:
  - name: asker
    prompt: Ask ${WHO:-anybody}.
    links: {relay: false}
  - name: teller
    slots: ${SLOTS}
    data_dir: elsewhere
"""


def write(folder: Path, text: str, name: str = "agent.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_each_key_has_its_line(tmp_path: Path):
    path = write(tmp_path, "name: a\nskills:\n  dirs:\n    - one\n    - two\n")
    (text,) = read_manifest(path, {})
    assert text.lines == {
        "name": 1,
        "skills": 2,
        "skills.dirs": 3,
        "skills.dirs[0]": 4,
        "skills.dirs[1]": 5,
    }
    assert text.place("skills.dirs[1]").endswith("agent.yaml, line 5")
    assert text.line("skills.builtin[3]") == 2  # the nearest around it
    assert text.line("model") == text.line("") == 0


def test_several_agents_share_what_stands_above_them(tmp_path: Path):
    asker, teller = read_manifest(write(tmp_path, SEVERAL), {"SLOTS": "3"})
    assert asker.data == {
        "registry": "https://r:8443",
        "links": {"keep": 3, "relay": False},
        "name": "asker",
        "prompt": "Ask anybody.",
        "data_dir": ".chatixia/asker",
    }
    assert teller.data["data_dir"] == "elsewhere"
    assert (asker.line("prompt"), teller.line("slots"), teller.line("registry")) == (5, 8, 1)
    assert (asker.filled, teller.filled) == ({"prompt"}, {"slots"})


def test_what_a_variable_holds_may_be_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLOTS", "3")
    write(tmp_path, SEVERAL)
    write(tmp_path, "Only for the asker.", "asker.md")
    write(tmp_path, "For both.", "AGENT.md")
    asker, teller = load_all(tmp_path)
    assert teller.manifest.slots == 3
    assert (asker.guide, teller.guide) == ("Only for the asker.", "For both.")
    assert load(tmp_path, "teller").manifest.name == "teller"
    with pytest.raises(ConfigError, match="several agents: asker, teller; name one"):
        load(tmp_path)


def test_the_environment_wins_over_the_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, "name: ${WHO_M4}\ndescription: ${WHAT_M4}")
    write(tmp_path, "WHO_M4=file\nWHAT_M4=file", ".env")
    monkeypatch.setenv("WHO_M4", "shell")
    found = load(tmp_path).manifest
    assert (found.name, found.description) == ("shell", "file")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "name: a\ndescription: ${NONE_M4}",
            "line 2: description: the variable NONE_M4",
        ),
        ("agents: {}", "line 1: agents: give a list of 1 to 64"),
        ("agents: []", "line 1: agents: give a list"),
        ("agents:\n- name: a\n- slots: 3", r"line 3: agents\[1\]: the key name is missing"),
        ("agents:\n- name: a\n- name: b\n  slts: 3", "line 4: there is no key slts"),
        ("agents:\n- name: a\n  agents: [{name: b}]", "line 3: there is no key agents"),
        ("name: a\nslots: ${M4:-x}", "line 2: slots: Expected int"),
    ],
)
def test_mistakes_have_their_line(tmp_path: Path, text: str, says: str):
    with pytest.raises(ConfigError, match=says):
        load_all(write(tmp_path, text))


def test_files_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(manifest_text, "MAX_BYTES", 3)
    with pytest.raises(ConfigError, match="larger than 3"):
        read_text(write(tmp_path, "name"))
    assert read_text(tmp_path / "none") == ""
    with pytest.raises(ConfigError, match="cannot be read"):
        read_text(tmp_path / "none", named=True)
