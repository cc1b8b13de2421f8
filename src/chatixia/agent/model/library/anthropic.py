"""The provider anthropic, which is an extra of its own: its client is large."""

from __future__ import annotations

from httpx2 import AsyncClient
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from chatixia.agent.model.endpoints import Endpoint


def anthropic_model(endpoint: Endpoint, http: AsyncClient) -> Model:
    """The model at ``endpoint``."""
    provider = AnthropicProvider(
        api_key=endpoint.key, base_url=endpoint.base_url or ANTHROPIC, http_client=http
    )
    return AnthropicModel(endpoint.model, provider=provider)


ANTHROPIC = "https://api.anthropic.com"
"""Named here, so that a variable of the process which the manifest does not know moves nothing."""
