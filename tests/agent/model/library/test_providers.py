"""Each provider's model is made with its address and key, and with no retries of its own."""

from __future__ import annotations

import pydantic_ai
import pytest
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.library import providers
from chatixia.agent.model.library.watch import client
from chatixia.errors import MissingExtra


@pytest.mark.parametrize(
    ("endpoint", "kind", "address"),
    [
        (Endpoint("openai", "m", key="k", responses=True), OpenAIResponsesModel, "api.openai.com"),
        (Endpoint("openai", "m", "http://h:1/v1", "k"), OpenAIChatModel, "http://h:1/v1"),
        (Endpoint("ollama", "m", "http://h:2/v1"), OpenAIChatModel, "http://h:2/v1"),
        (Endpoint("compatible", "m", "http://h:3"), OpenAIChatModel, "http://h:3"),
        (Endpoint("azure", "m", "http://h:4", "k", version="1"), OpenAIChatModel, "http://h:4"),
    ],
)
def test_the_providers(endpoint: Endpoint, kind: type, address: str):
    model = providers.build(endpoint, client())
    assert isinstance(model, kind)
    assert address in str(model.base_url)


def test_anthropic_and_where_it_is_missing(monkeypatch: pytest.MonkeyPatch):
    endpoint = Endpoint("anthropic", "m", key="k")
    assert "api.anthropic.com" in str(providers.build(endpoint, client()).base_url)
    monkeypatch.setitem(__import__("sys").modules, "chatixia.agent.model.library.anthropic", None)
    with pytest.raises(MissingExtra, match=r"\[anthropic\]"):
        providers.build(endpoint, client())


def test_retries_and_time_outs_are_ours_whatever_the_manifest_says():
    settings = providers.settings_of(
        Endpoint("openai", "m", settings={"temperature": 0.5, "max_retries": 9, "timeout": 1})
    )
    assert settings["temperature"] == 0.5 and settings["cache"] is True
    assert settings["max_retries"] == 0 and settings["timeout"] == providers.IDLE_S


def test_no_advertisement():
    assert pydantic_ai.BANNER_ENABLED is False
