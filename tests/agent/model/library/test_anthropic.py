"""The provider anthropic is at the address that it is told."""

from __future__ import annotations

from chatixia.agent.model.endpoints import Endpoint
from chatixia.agent.model.library.anthropic import anthropic_model
from chatixia.agent.model.library.watch import client


def test_address_and_name():
    model = anthropic_model(Endpoint("anthropic", "m", "http://h:1", "k"), client())
    assert model.model_name == "m" and str(model.base_url).startswith("http://h:1")
