"""Each failure of a provider has our own sentence; what the provider wrote is in none."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai import exceptions as raised
from pydantic_ai.messages import ModelResponse, TextPart

from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.library.failures import RAISED, check_end, failure
from chatixia.errors import Internal, ModelFailed

AT = Endpoint("openai", "m", key="k", key_variable="OPENAI_API_KEY")
SECRET = "what the provider wrote"


def http(kind: Any, status: int, **headers: str) -> raised.ModelAPIError:
    return raised.ModelHTTPError.for_category(
        kind, status_code=status, model_name="m", body=SECRET, headers=headers
    )


@pytest.mark.parametrize(
    ("error", "words", "again"),
    [
        (http(raised.ModelAuthenticationError, 401), "refused the key in OPENAI_API_KEY", False),
        (http(raised.ModelNotFoundError, 404), "no model openai:m", False),
        (http(raised.ModelContextWindowExceededError, 400), "larger than", False),
        (http(raised.ModelQuotaExceededError, 429), "no credit", False),
        (http(raised.ModelRateLimitError, 429), "no more requests", True),
        (http(raised.ModelOverloadedError, 529), "not available", True),
        (http(raised.ModelServerError, 500), r"failed \(HTTP 500\)", True),
        (http(raised.ModelRequestRejectedError, 400), "refused the request", False),
        (raised.ModelConnectionError("m", SECRET, phase="connect"), "cannot be reached", True),
        (raised.ModelConnectionError("m", SECRET, phase="read"), "broke off", True),
        (raised.ModelAPIError("m", SECRET), "failed", False),
        (raised.UnexpectedModelBehavior(SECRET, SECRET), "cannot be used", True),
        (raised.ContentFilterError(SECRET), "content filter", False),
        (raised.OutputTokenLimitExceeded(SECRET), "max_tokens", False),
    ],
)
def test_each_failure_has_a_sentence(error: Exception, words: str, again: bool):
    assert isinstance(error, RAISED)
    ours = failure(error, AT)
    assert isinstance(ours, ModelFailed)
    with pytest.raises(ModelFailed, match=words):
        raise ours
    assert ours.retryable == again
    assert SECRET not in str(ours)


def test_retry_after_is_handed_on():
    error = http(raised.ModelRateLimitError, 429, **{"retry-after": "7"})
    assert failure(error, AT).retry_after == 7


def test_a_wrong_use_of_the_library_is_ours():
    ours = failure(raised.UserError(SECRET), AT)
    assert isinstance(ours, Internal) and SECRET not in str(ours)


def test_a_response_that_ended_early_is_no_answer():
    check_end(ModelResponse([TextPart("x")], finish_reason="stop"), AT, True)
    details = {"finish_reason": "stop"}
    check_end(ModelResponse([TextPart("x")], provider_details=details), AT, False)
    with pytest.raises(ModelFailed, match="broke off") as error:  # the library guesses a stop
        check_end(ModelResponse([TextPart("x")], finish_reason="stop"), AT, False)
    assert error.value.retryable
    for reason in ("length", "content_filter"):
        with pytest.raises(ModelFailed):
            check_end(ModelResponse([TextPart("x")], finish_reason=reason), AT, True)
