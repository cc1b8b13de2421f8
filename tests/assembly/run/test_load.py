"""What `chatixia run` takes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from chatixia.assembly.run.load import load
from chatixia.errors import ConfigError

CODE = """
from chatixia import Agent
agent = Agent("weather")
@agent.skill
async def forecast(city: str) -> str:
    return city
"""


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def test_a_folder_with_code_and_manifest(tmp_path: Path):
    write(tmp_path, agent_py=CODE, agent_yaml="name: weather\ndescription: d\nslots: 3")
    (agent,) = load(str(tmp_path))
    assert (agent.name, agent.description, list(agent.skills)) == ("weather", "d", ["forecast"])
    assert agent.settings()["slots"] == 3
    (same,) = load(str(tmp_path / "agent.yaml"))
    assert list(same.skills) == ["forecast"]


def test_a_folder_without_code(tmp_path: Path):
    write(tmp_path, agent_yaml="name: a\nskills: [delegate]")
    (agent,) = load(str(tmp_path))
    assert (agent.name, agent.settings()["skills.builtin"]) == ("a", ["delegate"])


@pytest.mark.parametrize("end", ["", "\nagent.run()", "\nimport chatixia\nchatixia.run(agent)"])
def test_a_script_runs_nothing_while_it_is_loaded(tmp_path: Path, end: str):
    write(tmp_path, w_py=CODE + end)
    (agent,) = load(str(tmp_path / "w.py"))
    assert agent.name == "weather"


def test_several_agents(tmp_path: Path):
    two = "from chatixia import Agent, run\na, b = Agent('a'), Agent('b')\n"
    write(tmp_path, two_py=two, three_py=two + "c = Agent('c')\nrun(c, a)")
    assert [a.name for a in load(str(tmp_path / "two.py"))] == ["a", "b"]
    assert [a.name for a in load(str(tmp_path / "three.py"))] == ["c", "a"]


def test_module_and_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, loaded1_py=CODE, loaded2_py="x = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    (agent,) = load("loaded1:agent")
    assert agent.name == "weather"
    with pytest.raises(ConfigError, match="loaded1 has no agnt; did you mean agent?"):
        load("loaded1:agnt")
    with pytest.raises(ConfigError, match="loaded2:x is an int, not an Agent"):
        load("loaded2:x")
    write(tmp_path, loaded5_py="raise SystemExit(3)")
    with pytest.raises(ConfigError, match="loaded5 cannot be loaded: SystemExit: 3"):
        load("loaded5:x")
    with pytest.raises(ConfigError, match="nowhere1 cannot be loaded: ModuleNotFoundError"):
        load("nowhere1:agent")


def test_a_manifest_beside_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path, loaded3_py=CODE, agent_yaml="name: weather\nslots: 3")
    assert load("loaded3:agent")[0].settings()["slots"] == 3
    write(tmp_path, loaded4_py=CODE, agent_yaml="name: hen\nslots: 3")
    assert load("loaded4:agent")[0].settings()["slots"] == 8, "it is another agent's"
    assert load(str(tmp_path / "loaded4.py"))[0].loaded is None


def test_flags_win(tmp_path: Path):
    write(tmp_path, agent_py=CODE, agent_yaml="name: weather\nmesh: work")
    (agent,) = load(str(tmp_path), mesh="other", engine=None)
    assert agent.settings()["mesh"] == "other"
    with pytest.raises(ConfigError, match="no setting enginee"):
        load(str(tmp_path), enginee="x")[0].settings()


@pytest.mark.parametrize(
    ("files", "target", "says"),
    [
        ({}, "", "There is no agent.yaml in .*; create one with `chatixia init`."),
        ({}, "nothing", "nothing does not exist; name a folder, a file or module:attribute"),
        ({"agent_yaml": "description: x"}, "", "the key name is missing"),
        ({"agent_yaml": "name: other", "agent_py": CODE}, "", "calls the agent other, and"),
        ({"w_py": "x = 1"}, "w.py:agent", "name .*w.py, or w:agent for one agent of it"),
        ({"w_py": "x = 1"}, "w.py", "defines no agent; add `agent = Agent"),
        ({"w_py": "x = 1\n1/0"}, "w.py", r"cannot be loaded: ZeroDivisionError: .* \(line 2\)\."),
        ({"w_py": "x = ("}, "w.py", r"cannot be loaded: SyntaxError: .* \(line 1\)\."),
        ({"w_py": "from chatixia import Agent\nAgent('NO')"}, "w.py", "cannot name an agent"),
    ],
)
def test_refusals(tmp_path: Path, files: dict[str, str], target: str, says: str):
    write(tmp_path, **files)
    with pytest.raises(ConfigError, match=says):
        load(str(tmp_path / target))


def test_described_skills_of_a_folder(tmp_path: Path):
    skill = {"name": "sum", "parameters": {"text": {"type": "string", "required": True}}}
    write(
        tmp_path / "skills" / "sum",
        skill_json=json.dumps(skill),
        handler_py="def handle(**given): return given['text'][:1]",
    )
    write(tmp_path, agent_yaml="name: a\nskills: {dirs: [skills], disabled: [delegate]}")
    (agent,) = load(str(tmp_path))
    assert agent.skills["sum"].fn(text="xyz") == "x"
    write(tmp_path / "skills" / "sum", handler_py="x = 1")
    with pytest.raises(ConfigError, match="has no function `handle`"):
        load(str(tmp_path))
    write(tmp_path, agent_yaml="name: a\nskills: {dirs: [none]}")
    with pytest.raises(ConfigError, match=r"folder .* of skills.dirs does not exist"):
        load(str(tmp_path))


def test_code_finds_what_dot_env_says(tmp_path: Path):
    code = "import os\nassert os.environ['CHATIXIA_TEST_LOADED'] == 'yes'\n" + CODE
    write(tmp_path, agent_py=code, agent_yaml="name: weather")
    (tmp_path / ".env").write_text("CHATIXIA_TEST_LOADED=yes\nCHATIXIA_SLOTS=3")
    try:
        (agent,) = load(str(tmp_path))
        assert agent.settings().source("slots") == ".env CHATIXIA_SLOTS"
    finally:
        os.environ.pop("CHATIXIA_TEST_LOADED", None)
        os.environ.pop("CHATIXIA_SLOTS", None)


def test_several_agents_of_one_manifest(tmp_path: Path):
    manifest = "slots: 3\nagents:\n- {name: a, description: one}\n- {name: b, slots: 4}\n"
    write(tmp_path, agent_yaml=manifest)
    one, two = load(str(tmp_path))
    assert [(agent.name, agent.settings()["slots"]) for agent in (one, two)] == [("a", 3), ("b", 4)]
    assert one.description == "one"
    folders = {agent.settings().data_dir() for agent in (one, two)}
    assert folders == {tmp_path / ".chatixia" / "a", tmp_path / ".chatixia" / "b"}


def test_several_agents_of_code_and_manifest_meet_by_name(tmp_path: Path):
    code = "from chatixia import Agent\na, b = Agent('a'), Agent('b')\n"
    write(tmp_path, agent_py=code, agent_yaml="agents:\n- {name: b, slots: 4}\n- {name: c}\n")
    agents = {agent.name: agent for agent in load(str(tmp_path))}
    assert list(agents) == ["a", "b", "c"]
    assert agents["a"].loaded is None
    assert agents["b"].settings()["slots"] == 4
    assert [agent.name for agent in load(str(tmp_path / "agent.py"))] == ["a", "b"]
