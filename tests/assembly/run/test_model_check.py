"""Models of a manifest are asked for a word, and each failure has its line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest

from chatixia.agent.model.words import ModelSpec, RunRequest
from chatixia.assembly.run import model_check as models
from chatixia.assembly.run.model_check import check_models, examine_with_models
from chatixia.errors import ConfigError, ModelFailed
from chatixia.wire.events import AgentEvent
from chatixia.world import REAL


class Engine:
    """Does what the name of its model says."""

    closed: list[str] = []

    def __init__(self, spec: ModelSpec, variables: Mapping[str, str]) -> None:
        self.spec = spec

    @property
    def title(self) -> str:
        return f"{self.spec.provider}:{self.spec.model}"

    async def warm(self) -> None:
        if self.spec.model == "keyless":
            raise ConfigError("set OPENAI_API_KEY")

    async def has_price(self) -> bool:
        return False

    async def price(self, input_tokens: int) -> float | None:
        return None

    async def run(self, request: RunRequest) -> AsyncGenerator[str | AgentEvent, None]:
        yield AgentEvent("thinking")
        if self.spec.model == "down":
            raise ModelFailed("The provider refused the key.")
        if self.spec.model == "silent":
            await asyncio.Event().wait()
        assert not request.toolbox.specs()
        yield "Yes"
        raise AssertionError("one word is enough")

    async def close(self) -> None:
        self.closed.append(self.spec.model)


@pytest.mark.parametrize(
    ("model", "level", "words"),
    [
        ("good", "ok", "openai:good answers, first word after"),
        ("keyless", "warn", "set OPENAI_API_KEY"),
        ("down", "fail", "refused the key"),
        ("silent", "fail", "has not answered within"),
    ],
)
def test_each_model_has_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, level: str, words: str
):
    monkeypatch.setattr(models, "SECONDS", 0.1)
    (tmp_path / "agent.yaml").write_text(
        f"name: a\nprovider: openai\nmodel: {model}\nfallback: ['ollama:good']\n"
    )
    Engine.closed.clear()
    first, second = check_models(tmp_path, REAL, Engine)
    assert (first.check, first.level, words in first.text) == ("model", level, True)
    assert bool(first.cure) is (level != "ok")
    assert (second.level, second.text.startswith("ollama:good answers")) == ("ok", True)
    assert sorted(Engine.closed) == sorted([model, "good"])


def test_who_has_no_model_is_asked_nothing(tmp_path: Path):
    assert check_models(tmp_path, REAL, Engine) == []
    (tmp_path / "agent.yaml").write_text("name: a\n")
    assert check_models(tmp_path, REAL, Engine) == []


def test_a_manifest_with_a_mistake_is_a_line(tmp_path: Path):
    (tmp_path / "agent.yaml").write_text("nmae: a\n")
    (found,) = check_models(tmp_path, REAL, Engine)
    assert (found.check, found.level, "line 1" in found.text) == ("manifest", "fail", True)


def test_agents_that_share_a_model_ask_it_once(tmp_path: Path):
    text = "provider: ollama\nmodel: good\nagents: [{name: a}, {name: b}]\n"
    (tmp_path / "agent.yaml").write_text(text)
    assert len(check_models(tmp_path, REAL, Engine)) == 1


def test_they_come_after_what_is_found_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    (tmp_path / "agent.yaml").write_text("nmae: a\n")
    report = examine_with_models("", "auto", tmp_path)
    assert [report.findings[0].check, report.findings[-1].check] == ["profile", "manifest"]
