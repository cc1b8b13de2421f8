"""What the library raises, as our errors.

Its own texts name its documentation and hold what the provider wrote: neither goes any further.
"""

from __future__ import annotations

import logging

from pydantic_ai import exceptions as raised
from pydantic_ai.messages import ModelResponse

from chatixia.agent.model.endpoints import Endpoint
from chatixia.errors import Internal, MeshError, ModelFailed

log = logging.getLogger("chatixia.agent")

RAISED = (raised.AgentRunError, raised.UserError)
"""What :func:`failure` takes."""


def failure(error: Exception, endpoint: Endpoint) -> MeshError:
    """``error`` of a request to ``endpoint``: ModelFailed, or Internal for a defect of ours."""
    title = endpoint.title
    if isinstance(error, raised.ModelAPIError):
        if isinstance(error.__cause__, ValueError):  # a frame that is no JSON, or no text
            return unreadable(title, error.__cause__)
        return _of_provider(error, endpoint)
    if isinstance(error, raised.OutputTokenLimitExceeded):
        return cut_short(title)
    if isinstance(error, raised.ContentFilterError):
        return filtered(title)
    if isinstance(error, raised.UnexpectedModelBehavior):
        return ModelFailed(f"{title} gave an answer that cannot be used.", retryable=True)
    return Internal(f"The model library refused a request to {title} ({type(error).__name__}).")


def check_end(response: ModelResponse, endpoint: Endpoint, has_end: bool) -> None:
    """Raise ModelFailed for a response that ended before its end: it is no answer.

    ``has_end``: what came last said that it is the end. A connection that is closed may look like
    one, and the library takes it for one.
    """
    if response.finish_reason == "length":
        raise cut_short(endpoint.title)
    if response.finish_reason == "content_filter":
        raise filtered(endpoint.title)
    details = response.provider_details or {}
    if endpoint.script is None and not has_end and not details.get("finish_reason"):
        raise ModelFailed(f"The answer of {endpoint.title} broke off.", retryable=True)


def unreadable(title: str, error: Exception) -> ModelFailed:
    """The provider sent what its client does not know how to read."""
    log.warning("An answer of %s cannot be read: %s", title, type(error).__name__)
    return ModelFailed(f"{title} gave an answer that cannot be used.", retryable=True)


def cut_short(title: str) -> ModelFailed:
    """The answer ended at the limit of tokens, so it is none."""
    return ModelFailed(
        f"The answer of {title} was cut off at its limit of tokens; raise max_tokens in"
        " model_settings, or ask for less."
    )


def filtered(title: str) -> ModelFailed:
    """The provider stopped the answer."""
    return ModelFailed(f"The provider of {title} stopped the answer by its content filter.")


def _of_provider(error: raised.ModelAPIError, endpoint: Endpoint) -> ModelFailed:
    status = getattr(error, "status_code", 0)
    code = f" (HTTP {status})" if status else ""
    passing = isinstance(error, PASSING) or (
        type(error) is raised.ModelAPIError and error.in_stream
    )
    again = passing and not isinstance(error, raised.ModelQuotaExceededError)
    return ModelFailed(
        f"{_what(error, endpoint)}{code}.",
        retryable=again,
        retry_after=error.retry_after or 0.0,
    )


PASSING = (
    raised.ModelRateLimitError,
    raised.ModelUnavailableError,
    raised.ModelServerError,
    raised.ModelConnectionError,
    raised.ModelRequestTimeout,
)
"""Those after which the same request may succeed."""


def _what(error: raised.ModelAPIError, endpoint: Endpoint) -> str:
    title = endpoint.title
    sentences: dict[type[raised.ModelAPIError], str] = {
        raised.ModelAuthenticationError: f"{title} refused the key in {endpoint.key_variable}",
        raised.ModelNotFoundError: f"There is no model {title} at its endpoint",
        raised.ModelContextWindowExceededError: f"The conversation is larger than {title} takes",
        raised.ModelQuotaExceededError: f"The account at the provider of {title} has no credit",
        raised.ModelRateLimitError: f"{title} takes no more requests for now",
        raised.ModelUnavailableError: f"{title} is not available for now",
        raised.ModelServerError: f"{title} failed",
        raised.ModelConnectionError: _connection(error, title),
        raised.ModelRequestTimeout: f"{title} did not answer in time",
        raised.ModelRequestRejectedError: f"{title} refused the request",
    }
    otherwise = (
        f"{title} failed in mid-answer" if error.in_stream else f"The request to {title} failed"
    )
    return next((text for kind, text in sentences.items() if isinstance(error, kind)), otherwise)


def _connection(error: raised.ModelAPIError, title: str) -> str:
    if getattr(error, "phase", None) in ("connect", "pool"):
        return f"The endpoint of {title} cannot be reached"
    return f"The connection to {title} broke off"
