"""What a manifest cannot name is a mistake with its line, for `validate` and for `run` alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.agent import manifest
from chatixia.assembly.run.manifest_check import check_manifest
from chatixia.errors import ConfigError

PROMPTS = "name: x\nskills:\n  prompts:\n  - name: sum\n    prompt: y\n"
MISTAKES = {
    "name: Big Name\n": (1, "name: 'Big Name' cannot name an agent"),
    "name: x\ncallers: [laptop, Lap Top]\n": (2, "callers[1]: 'Lap Top' cannot name an agent"),
    "name: x\ncallers:\n- laptop~abcdef\n": (3, "A client counts as its machine."),
    "name: x\ncompat: [No Name]\n": (2, "compat[0]: Expected the name of an agent."),
    "name: x\nskills:\n  prompts:\n  - prompt: y\n    name: A b\n": (5, "cannot name a skill"),
    f"{PROMPTS}  - name: sum\n    prompt: z\n": (6, "there are two skills called sum"),
    f"{PROMPTS}    returns: {{required: 5}}\n": (6, "is no valid JSON Schema"),
    "name: x\nmodel_settings:\n  silence: -1\n": (3, "model_settings.silence is in seconds"),
    "agents:\n- name: a\n- description: b\n  name: a\n": (4, "there are two agents called a"),
    "name: x\n\tprompt: y\n": (2, "this is not YAML: found character"),
    "name: x\nskills: [a, b\nprompt: y\n": (3, "this is not YAML: expected ',' or ']'"),
}


@pytest.mark.parametrize("text", MISTAKES, ids=range(len(MISTAKES)))
def test_what_cannot_be_named_is_a_mistake_with_its_line(text: str, tmp_path: Path):
    line, words = MISTAKES[text]
    (tmp_path / "agent.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        manifest.load_all(tmp_path)
    assert refused.value.message.startswith(f"{tmp_path / 'agent.yaml'}, line {line}: ")
    assert words in refused.value.message
    try:
        told = [each.sentence for each in check_manifest(str(tmp_path)) if each.level == "error"]
    except ConfigError as error:
        told = [error.message]
    assert told == [refused.value.message]


def test_each_mistake_is_named_at_once(tmp_path: Path):
    text = "name: x\ncallers: [A, B]\nskills:\n  prompts:\n  - name: 1\n    prompt: y\n"
    (tmp_path / "agent.yaml").write_text(text.replace("1", "'1'"))
    errors = [each.line for each in check_manifest(str(tmp_path)) if each.level == "error"]
    assert errors == [2, 2, 5]


def test_what_can_be_named_is_taken(tmp_path: Path):
    text = "name: x\ncallers: [pi-4, a.b]\nmodel_settings: {silence: 5, temperature: 1}\n"
    (tmp_path / "agent.yaml").write_text(text)
    (loaded,) = manifest.load_all(tmp_path)
    assert loaded.manifest.callers == ["pi-4", "a.b"]
