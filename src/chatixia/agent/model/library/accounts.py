"""What requests used: as the provider counted it, or by estimate where it did not come to that.

Prices come from the list that the library brings along; nothing is ever fetched.
"""

from __future__ import annotations

from typing import Any

from genai_prices import Usage as Tokens
from genai_prices import calc_price
from pydantic_ai.exceptions import ModelAPIError, ModelConnectionError
from pydantic_ai.messages import ModelResponse

from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.stored import BYTES_PER_TOKEN
from chatixia.agent.model.words import Usage


def usage_of(response: ModelResponse, endpoint: Endpoint, before: int, shown: int) -> Usage:
    """What ``response`` used; by estimate (:func:`estimated`) where its provider counts nothing."""
    counted = response.usage
    if not (counted.input_tokens or counted.output_tokens):
        return estimated(endpoint, before, shown)
    return Usage(
        1,
        counted.input_tokens,
        counted.output_tokens,
        counted.cache_read_tokens,
        float(counted.cost) if counted.cost is not None else price(endpoint, counted),
    )


def estimated(endpoint: Endpoint, before: int, shown: int) -> Usage:
    """Of a response that did not end: ``before`` tokens went there, ``shown`` characters came."""
    after = -(-shown // BYTES_PER_TOKEN)
    tokens = Tokens(input_tokens=before, output_tokens=after)
    return Usage(1, before, after, cost=price(endpoint, tokens), estimated=True)


def is_refusal(error: Exception) -> bool:
    """Whether the provider did nothing for the request that ended with ``error``."""
    if isinstance(error, ModelConnectionError):
        return error.phase in ("connect", "pool")
    return (
        isinstance(error, ModelAPIError) and not error.in_stream and hasattr(error, "status_code")
    )


def price(endpoint: Endpoint, tokens: Any) -> float | None:
    """US dollars; None where the model has no known price."""
    try:
        # By the provider's name: what stands behind another address has another price, or none.
        calculation = calc_price(tokens, endpoint.model, provider_id=endpoint.provider)
    except (LookupError, ValueError):
        return None
    return float(calculation.total_price)


def has_price(endpoint: Endpoint) -> bool:
    """Whether the model has a known price."""
    return price(endpoint, Tokens(input_tokens=1, output_tokens=1)) is not None
