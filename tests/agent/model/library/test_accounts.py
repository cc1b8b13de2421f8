"""Tokens and money: counted by the provider, or estimated, never at a price that nobody knows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RequestUsage

from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.library.accounts import estimated, has_price, is_refusal, usage_of

PRICED = Endpoint("openai", "gpt-4o")
UNPRICED = Endpoint("ollama", "llama3")


def test_what_the_provider_counted_has_its_price():
    response = ModelResponse([], usage=RequestUsage(input_tokens=1000, output_tokens=1000))
    usage = usage_of(response, PRICED, 5, 5)
    assert (usage.input_tokens, usage.output_tokens, usage.cost) == (1000, 1000, 0.0125)
    assert usage_of(response, UNPRICED, 5, 5).cost is None


def test_the_providers_own_price_counts():
    counted = RequestUsage(input_tokens=1, output_tokens=1, cost=Decimal("0.5"))
    assert usage_of(ModelResponse([], usage=counted), PRICED, 5, 5).cost == 0.5


def test_what_nobody_counted_is_estimated():
    usage = usage_of(ModelResponse([]), PRICED, 300, 30)
    assert usage.estimated and (usage.input_tokens, usage.output_tokens) == (300, 10)
    assert usage.cost and estimated(UNPRICED, 300, 30).cost is None


@pytest.mark.parametrize("tokens", [-100_000, 10**30, 1e30, 9 * 10**18])
@pytest.mark.parametrize("field", ["input_tokens", "output_tokens", "cache_read_tokens"])
def test_a_count_that_cannot_be_is_none(tokens: float, field: str):
    counted = RequestUsage(input_tokens=5, output_tokens=5)
    setattr(counted, field, tokens)
    usage = usage_of(ModelResponse([], usage=counted), PRICED, 300, 30)
    assert usage.estimated and (usage.input_tokens, usage.output_tokens) == (300, 10)


@pytest.mark.parametrize("told", ["-3", "NaN", "1e9"])
def test_a_price_that_cannot_be_is_that_of_the_list(told: str):
    counted = RequestUsage(input_tokens=1000, output_tokens=1000, cost=Decimal(told))
    assert usage_of(ModelResponse([], usage=counted), PRICED, 5, 5).cost == 0.0125


def test_which_models_have_a_price():
    assert has_price(PRICED) and not has_price(UNPRICED)


def test_a_refused_request_used_nothing():
    assert is_refusal(ModelHTTPError(429, "m"))
    assert is_refusal(ModelConnectionError("m", "no", phase="connect"))
    assert not is_refusal(ModelConnectionError("m", "no", phase="read"))
    assert not is_refusal(ValueError())
