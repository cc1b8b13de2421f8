"""What files say of a skill, within its bounds, and read without what makes skills."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from chatixia.agent.skill_fields import MAX_PROMPT, MAX_RUN_S, PromptSkill, SkillJson


@pytest.mark.parametrize("change", [{"timeout": 0}, {"timeout": MAX_RUN_S + 1}, {"more": 1}])
def test_a_prompt_skill_is_bounded(change: dict[str, object]):
    one = {"name": "sum", "prompt": "x" * MAX_PROMPT}
    assert msgspec.convert(one, PromptSkill).timeout == 600.0
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(one | change, PromptSkill)


def test_skill_json_has_at_most_64_parameters():
    many = {f"p{n}": {} for n in range(65)}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"name": "x", "parameters": many}, SkillJson)


def test_a_manifest_is_read_without_what_makes_skills_and_calls():
    """A sidecar reads settings, and serves nothing itself: 2 MB that it need not have."""
    code = (
        "import sys, chatixia.agent.manifest, chatixia.assembly.run.settings; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parts = "agent.skill agent.signature agent.context client.mesh client.handle".split()
    assert not {f"chatixia.{part}" for part in parts} & set(done.stdout.split())
