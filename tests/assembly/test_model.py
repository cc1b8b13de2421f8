"""Which agents have a model, what it is made of, and what is said where something is missing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from chatixia import Agent, ConfigError, UnknownSkill
from chatixia.agent.model.words import ModelSpec
from chatixia.assembly.model import budgets, model_spec, setup, split_model, wants_model
from chatixia.assembly.run.load import load
from chatixia.assembly.run.settings import resolve
from chatixia.errors import BudgetExceeded, ModelFailed
from chatixia.testing import ScriptCall, mesh_of, scripted

MANIFEST = """
name: helper
prompt: Serve ${agent}.
max_turns: 3
context_window: 9000
callers: [laptop]
budgets: {task: {turns: 2}, tokens_per_minute: 900000}
fallback: ["openai:b", "anthropic:c"]
skills:
  prompts:
    - name: shorten
      prompt: Shorten the text. Two words.
      parameters: {text: {required: true}}
"""


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "LLM_PROVIDER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agent.yaml").write_text(MANIFEST)
    (tmp_path / "AGENT.md").write_text("# Helper")
    return tmp_path


def helper(folder: Path, model: ModelSpec | None = None) -> Agent:
    (agent,) = load(str(folder))
    agent._spec = model
    return agent


def test_a_model_by_its_name():
    assert split_model("ollama:llama:8b") == {"provider": "ollama", "model": "llama:8b"}
    with pytest.raises(ConfigError, match="provider:model"):
        Agent("a", model="gpt")


@pytest.mark.parametrize(
    ("flags", "is_code", "wanted"),
    [
        ({}, False, False),
        ({"model": "m"}, True, True),
        ({"prompt": "Hi."}, True, True),
        ({"role": "worker"}, True, True),
        ({"callers": ["x"]}, True, False),
    ],
)
def test_who_has_a_model(flags: dict[str, Any], is_code: bool, wanted: bool):
    assert wants_model(resolve(flags, environ={}), is_code=is_code) is wanted


def test_agent_md_counts_where_there_is_no_code(tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("name: a")
    (tmp_path / "AGENT.md").write_text("Be brief.")
    (agent,) = load(str(tmp_path))
    assert wants_model(agent.settings(), is_code=False)
    assert not wants_model(agent.settings(), is_code=True)


def test_what_the_manifest_says_of_it(folder: Path):
    settings = helper(folder).settings()
    spec = model_spec(settings)
    assert [(one.provider, one.model) for one in spec.fallback] == [
        ("openai", "b"),
        ("anthropic", "c"),
    ]
    made = setup(settings, "home")
    assert made.prompt.text == "Serve ${agent}.\n\n# Helper"
    assert (made.callers, made.max_turns, made.window, made.mesh) == (("laptop",), 3, 9000, "home")
    assert (budgets(settings).task.turns, budgets(settings).tokens_per_minute) == (2, 900_000)


def test_a_fallback_of_the_same_provider_is_at_the_same_address(folder: Path):
    manifest = "provider: compatible\nmodel: a\nbase_url: http://here/v1\n"
    (folder / "agent.yaml").write_text(
        f'name: helper\n{manifest}fallback: ["compatible:b", "openai:c"]\n'
    )
    spec = model_spec(helper(folder).settings())
    assert [one.base_url for one in spec.fallback] == ["http://here/v1", ""]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("fallback: [gpt]", "fallback: There is no model"),
        (
            "skills: {prompts: [{name: a b, prompt: x}]}",
            r"skills.prompts\[0\].name: .*cannot name a skill",
        ),
        (
            "skills: {prompts: [{name: x, prompt: y, parameters: {a: {type: text}}}]}",
            "skills.prompts: x: the parameter a",
        ),
    ],
)
def test_a_mistake_is_named_before_it_starts(tmp_path: Path, more: str, says: str):
    (tmp_path / "agent.yaml").write_text(f"name: a\n{more}\n")
    with pytest.raises(ConfigError, match=says):
        load(str(tmp_path))[0].check()


async def test_a_folder_without_code_answers_and_has_skills(folder: Path):
    agent = helper(folder, scripted(lambda turn: [turn.instructions[-29:], "|", turn.last]))
    async with mesh_of(agent) as mesh:
        assert (await mesh.agent("helper").ask("hi")).endswith("Serve helper.\n\n# Helper|hi")
        (info,) = await mesh.skills("helper")
        assert (info.name, info.description) == ("shorten", "Shorten the text.")
        answer = await mesh.agent("helper").shorten(text="a b c")
        assert answer.strip() == 'Shorten the text. Two words.|{"text":"a b c"}'


async def test_without_a_key_it_runs_and_who_asks_hears_what_is_missing(folder: Path):
    agent, other = helper(folder), Agent("other")
    async with mesh_of(agent, other) as mesh:
        with pytest.raises(ModelFailed, match="has no model .*: there .* OPENAI_API_KEY or ANTHRO"):
            await mesh.agent("helper").ask("hi")
        with pytest.raises(UnknownSkill):
            await mesh.agent("other").ask("hi")


async def test_a_budget_of_the_manifest_holds(folder: Path):
    agent = helper(folder, scripted([ScriptCall("find-skill")]))
    async with mesh_of(agent) as mesh:
        with pytest.raises(BudgetExceeded, match="2 turns"):
            await mesh.agent("helper").ask("hi")


async def test_money_without_a_price_is_refused_at_start(folder: Path):
    (folder / "agent.yaml").write_text("name: helper\nbudgets: {agent: {money: 1}}\nprompt: x")
    agent = helper(folder, scripted(["x"]))
    async with mesh_of(agent):
        model = agent._model
        assert model is not None
        with pytest.raises(ConfigError, match="without a price"):
            await model.start()


async def test_what_is_missing_is_logged_at_start(folder: Path, caplog: pytest.LogCaptureFixture):
    agent = helper(folder)
    async with mesh_of(agent):
        model = agent._model
        assert model is not None
        with caplog.at_level(logging.WARNING, "chatixia"):
            await model.start()
            assert model._warming is not None
            await model._warming
    assert "helper runs without its model: There is no key" in caplog.text


async def test_a_handler_in_code_wins():
    agent = Agent("a", model=scripted(["model"]))

    @agent.prompt
    async def reply(text: str) -> str:
        return "code"

    async with mesh_of(agent) as mesh:
        assert await mesh.agent("a").ask("hi") == "code"


async def test_two_skills_of_one_name_are_a_mistake(folder: Path):
    agent = helper(folder)

    @agent.skill
    async def shorten(text: str) -> str:
        return text

    with pytest.raises(ConfigError, match="two skills called shorten"):
        agent.check()
