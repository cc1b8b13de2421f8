"""Described variables find the endpoint, and what is missing is named."""

from __future__ import annotations

import pytest

from chatixia.agent.model.endpoints import Endpoint, provider_of, resolve, spec_of
from chatixia.agent.model.words import ModelSpec
from chatixia.errors import ConfigError

AZURE = {
    "AZURE_OPENAI_API_KEY": "k",
    "AZURE_OPENAI_ENDPOINT": "https://x.example/",
    "AZURE_OPENAI_DEPLOYMENT": "mine",
    "AZURE_OPENAI_API_VERSION": "2030-01-01",
}


def test_provider_and_model_in_one_text():
    assert spec_of("ollama:llama3:8b") == ModelSpec("ollama", "llama3:8b")
    for text in ("gpt", "nobody:gpt"):
        with pytest.raises(ConfigError, match="There is no model"):
            spec_of(text)


def test_openai_speaks_responses_but_chat_at_another_address():
    assert resolve(ModelSpec("openai", "m"), {"OPENAI_API_KEY": "k"}).responses
    at = resolve(ModelSpec("openai", "m", "http://h/v1/"), {"OPENAI_API_KEY": "k"})
    assert not at.responses and at.base_url == "http://h/v1"
    proxy = ModelSpec("openai", "m", "http://h/v1", api="responses")
    assert resolve(proxy, {"OPENAI_API_KEY": "k"}).responses
    assert not resolve(ModelSpec("openai", "m", api="chat"), {"OPENAI_API_KEY": "k"}).responses


def test_azure_takes_the_described_variables():
    at = resolve(ModelSpec("azure"), AZURE)
    assert (at.model, at.base_url, at.version) == ("mine", "https://x.example", "2030-01-01")


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({}, "http://127.0.0.1:11434/v1"),
        ({"OLLAMA_URL": "http://h:1"}, "http://h:1/v1"),
        ({"OLLAMA_BASE_URL": "http://h:1/v1/"}, "http://h:1/v1"),
    ],
)
def test_ollama_needs_no_key_and_has_an_address(variable: dict[str, str], expected: str):
    assert resolve(ModelSpec("ollama", "m"), variable).base_url == expected


@pytest.mark.parametrize(
    ("spec", "environment", "named"),
    [
        (ModelSpec("openai", "m"), {}, "OPENAI_API_KEY"),
        (ModelSpec("anthropic", "m"), {"ANTHROPIC_API_KEY": " "}, "ANTHROPIC_API_KEY"),
        (ModelSpec("azure", "m"), {"AZURE_OPENAI_API_KEY": "k"}, "AZURE_OPENAI_ENDPOINT"),
        (ModelSpec("compatible", "m"), {}, "base_url"),
        (ModelSpec("compatible", "m", "http://h", "MY_KEY"), {}, "MY_KEY"),
        (ModelSpec("ollama"), {}, "OLLAMA_MODEL"),
        (ModelSpec(""), {}, "OPENAI_API_KEY"),
        (ModelSpec("nobody"), {}, "nobody"),
    ],
)
def test_what_is_missing_is_named(spec: ModelSpec, environment: dict[str, str], named: str):
    with pytest.raises(ConfigError, match=named):
        resolve(spec, environment)


def test_without_a_provider_the_one_whose_key_is_present():
    assert provider_of({"ANTHROPIC_API_KEY": "k"}) == "anthropic"
    assert provider_of(AZURE) == "azure"
    assert provider_of({"OLLAMA_MODEL": "m"}) == "ollama"
    assert provider_of({"LLM_PROVIDER": "Azure", "OPENAI_API_KEY": "k"}) == "azure"
    assert provider_of({}) == ""
    assert resolve(ModelSpec(""), {"OPENAI_API_KEY": "k", "AGENT_MODEL": "m"}).model == "m"


def test_a_key_stands_in_no_text():
    assert "secret" not in repr(Endpoint("openai", "m", key="secret"))


def test_how_long_a_provider_may_say_nothing_is_a_setting_of_ours():
    given = {"first_byte": 120, "silence": 0.5, "temperature": 0}
    at = resolve(ModelSpec("ollama", "m", settings=given), {})
    assert (at.first_byte, at.silence, at.settings) == (120, 0.5, {"temperature": 0})
    for wrong in ("soon", 0, 3601, True):
        with pytest.raises(ConfigError, match="model_settings.silence"):
            resolve(ModelSpec("ollama", "m", settings={"silence": wrong}), {})
