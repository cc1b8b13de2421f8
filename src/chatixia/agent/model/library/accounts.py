"""What requests used: as the provider counted it, or by estimate where it did not come to that.

Prices come from the list that the library brings along; nothing is ever fetched.
"""

from __future__ import annotations

from typing import Any, Final

from genai_prices import Usage as Tokens
from genai_prices import calc_price
from pydantic_ai.exceptions import ModelAPIError, ModelConnectionError
from pydantic_ai.messages import ModelResponse

from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.stored import BYTES_PER_TOKEN
from chatixia.agent.model.words import Usage

MOST_TOKENS: Final = 10**8
MOST_DOLLARS: Final = 10_000.0
"""What one response can have used; no model takes or costs nearly as much."""


def usage_of(response: ModelResponse, endpoint: Endpoint, before: int, shown: int) -> Usage:
    """What ``response`` used; by estimate (:func:`estimated`) where its provider counts nothing."""
    counted = response.usage
    tokens = (counted.input_tokens, counted.output_tokens, counted.cache_read_tokens)
    if not any(tokens[:2]) or not all(map(_can_be, tokens)):
        return estimated(endpoint, before, shown)
    return Usage(1, *tokens, _cost(counted.cost, price(endpoint, counted)))


def _can_be(tokens: Any) -> bool:
    """Whether a provider's count is one: others would give a budget back, or end it for good."""
    return isinstance(tokens, int) and 0 <= tokens <= MOST_TOKENS


def _cost(reported: Any, listed: float | None) -> float | None:
    """What the provider says, if that can be; else by the list."""
    if reported is None or not 0 <= (dollars := float(reported)) <= MOST_DOLLARS:
        return listed
    return dollars


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
