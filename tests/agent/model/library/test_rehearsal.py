"""Each shape is rehearsed to its end without any network."""

from __future__ import annotations

import pytest

from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.library.rehearsal import rehearse


@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint("openai", "m", key="k", responses=True),
        Endpoint("openai", "m", "http://nowhere.invalid/v1", "k"),
        Endpoint("azure", "m", "http://nowhere.invalid", "k", version="1"),
        Endpoint("ollama", "m", "http://nowhere.invalid/v1"),
        Endpoint("compatible", "m", "http://nowhere.invalid/v1"),
        Endpoint("anthropic", "m", key="k"),
    ],
    ids=lambda endpoint: f"{endpoint.provider}{'-responses' * endpoint.responses}",
)
def test_each_shape_comes_to_its_answer(endpoint: Endpoint):
    assert rehearse(endpoint) == "ok"
