"""An endpoint as a model of the library."""

from __future__ import annotations

from typing import Any, Final, cast

import pydantic_ai
from httpx2 import AsyncClient
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.extras import missing

from .script import scripted_model

pydantic_ai.BANNER_ENABLED = False  # an advertisement, on terminals

IDLE_S: Final = 3600.0
"""What a client may wait for a byte: longer than our own time-outs, which end it."""


def build(endpoint: Endpoint, http: AsyncClient) -> Model:
    """The model at ``endpoint``, asked by ``http``.

    Raises MissingExtra where the provider's client is not installed.
    """
    if endpoint.script is not None:
        return scripted_model(endpoint.script)
    if endpoint.provider == "anthropic":
        try:
            from .anthropic import anthropic_model
        except ImportError:
            raise missing("anthropic") from None
        return anthropic_model(endpoint, http)
    try:
        return _openai_shapes(endpoint, http)
    except ImportError:
        raise missing("model") from None


def settings_of(endpoint: Endpoint) -> ModelSettings:
    """The settings of its requests: retries and time-outs are ours, the stable part is cached."""
    settings: Any = {"cache": True, **endpoint.settings, "max_retries": 0, "timeout": IDLE_S}
    return cast(ModelSettings, settings)


def _openai_shapes(endpoint: Endpoint, http: AsyncClient) -> Model:
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel

    if endpoint.provider == "ollama":
        from pydantic_ai.models.ollama import OllamaModel
        from pydantic_ai.providers.ollama import OllamaProvider

        ollama = OllamaProvider(endpoint.base_url, endpoint.key or None, http_client=http)
        return OllamaModel(endpoint.model, provider=ollama)
    if endpoint.provider == "azure":
        from pydantic_ai.providers.azure import AzureProvider

        azure = AzureProvider(
            azure_endpoint=endpoint.base_url,
            api_version=endpoint.version,
            api_key=endpoint.key,
            http_client=http,
        )
        return OpenAIChatModel(endpoint.model, provider=azure)
    if endpoint.provider == "compatible":
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        compatible = OpenAICompatibleProvider(
            "compatible", base_url=endpoint.base_url, api_key=endpoint.key or None, http_client=http
        )
        return OpenAIChatModel(endpoint.model, provider=compatible)
    from pydantic_ai.providers.openai import OpenAIProvider

    openai = OpenAIProvider(
        base_url=endpoint.base_url or OPENAI, api_key=endpoint.key, http_client=http
    )
    kind = OpenAIResponsesModel if endpoint.responses else OpenAIChatModel
    return kind(endpoint.model, provider=openai)


OPENAI: Final = "https://api.openai.com/v1"
"""Named here, so that a variable of the process which the manifest does not know moves nothing."""
