"""Which endpoint a model is at: what manifest or code names, and the rest from variables.

Keys come from variables only. A key that is missing is one sentence which names the variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from chatixia.errors import ConfigError
from chatixia.wire.base import MIB

from .words import ModelSpec, Script

PROVIDERS: Final = ("openai", "anthropic", "azure", "ollama", "compatible")
OLLAMA: Final = "http://127.0.0.1:11434/v1"
SCRIPTED: Final = "scripted"


class Variables(msgspec.Struct, frozen=True):
    """The variables of one provider, each the first that is set."""

    key: tuple[str, ...] = ()
    base_url: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    version: tuple[str, ...] = ()
    needs_key: bool = True
    needs_url: bool = False


VARIABLES: Final[dict[str, Variables]] = {
    "openai": Variables(("OPENAI_API_KEY",), ("OPENAI_BASE_URL",)),
    "anthropic": Variables(("ANTHROPIC_API_KEY",), ("ANTHROPIC_BASE_URL",)),
    "azure": Variables(
        ("AZURE_OPENAI_API_KEY",),
        ("AZURE_OPENAI_ENDPOINT",),
        ("AZURE_OPENAI_DEPLOYMENT",),
        ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"),
        needs_url=True,
    ),
    "ollama": Variables(
        ("OLLAMA_API_KEY",), ("OLLAMA_BASE_URL", "OLLAMA_URL"), ("OLLAMA_MODEL",), needs_key=False
    ),
    "compatible": Variables(
        ("COMPATIBLE_API_KEY",), ("COMPATIBLE_BASE_URL",), needs_key=False, needs_url=True
    ),
}
"""provider -> what it is configured by, beside `AGENT_MODEL` and `LLM_PROVIDER`."""

DEFAULT_MODELS: Final = {"openai": "gpt-6-luna", "anthropic": "claude-haiku-5-5"}
"""Where neither manifest nor variable names one; the others have no usual one."""
WAITS: Final = ("first_byte", "silence")
"""Model settings that are ours."""
LONGEST_S: Final = 3600.0
FIRST_BYTE_S: Final = 60.0
SILENCE_S: Final = 60.0
MAX_RESPONSE: Final = 64 * MIB
"""Bytes that a provider may send for one request, with all that is around the words."""
MAX_ANSWER: Final = 4 * MIB
"""Characters of one response: text, thoughts and arguments."""
MAX_CALLS: Final = 128
"""Tools that one response may call."""
AZURE_VERSION: Final = "2025-04-01-preview"


class Endpoint(msgspec.Struct, frozen=True):
    """All that a request needs. ``responses``: the Responses API of OpenAI, else chat completions.
    ``version``: of Azure's API. ``script`` stands for an endpoint.
    ``first_byte``, ``silence``: seconds that it may send nothing; None for the usual ones."""

    provider: str
    model: str
    base_url: str = ""
    key: str = ""
    key_variable: str = ""
    version: str = ""
    responses: bool = False
    settings: dict[str, Any] = {}
    script: Script | None = None
    first_byte: float | None = None
    silence: float | None = None

    def __repr__(self) -> str:  # a key never stands in a log
        return f"Endpoint({self.title!r}, {self.base_url!r})"

    @property
    def title(self) -> str:
        """``provider:model``, for people."""
        return f"{self.provider}:{self.model}"


def spec_of(text: str) -> ModelSpec:
    """``provider:model`` as in ``Agent(model="openai:...")``. Raises ConfigError."""
    provider, colon, model = text.partition(":")
    if not colon or provider not in PROVIDERS:
        raise ConfigError(
            f"There is no model {text[:80]!r}; write provider:model with {', '.join(PROVIDERS)}."
        )
    return ModelSpec(provider, model)


def provider_of(environment: Mapping[str, str]) -> str:
    """The provider that the variables speak of; "" for none: `LLM_PROVIDER`, or the first whose
    key is present, or Ollama where its address or model is."""
    if chosen := environment.get("LLM_PROVIDER", "").strip().lower():
        return chosen
    for provider in ("openai", "anthropic", "azure"):
        if _first(environment, VARIABLES[provider].key):
            return provider
    ollama = VARIABLES["ollama"]
    return "ollama" if _first(environment, (*ollama.base_url, *ollama.model)) else ""


def resolve(spec: ModelSpec, environment: Mapping[str, str]) -> Endpoint:
    """Where ``spec`` is, with what it leaves open from ``environment``.

    Raises ConfigError that names the variable or key which is missing.
    """
    if spec.script is not None:
        return Endpoint(SCRIPTED, spec.model or "model", script=spec.script)
    settings, waits = split_settings(spec.settings)
    provider = spec.provider or provider_of(environment)
    if not provider:
        raise ConfigError(
            "There is no key of a model provider; set OPENAI_API_KEY or ANTHROPIC_API_KEY in the"
            " agent's environment or .env, or name a `provider:`."
        )
    variables = VARIABLES.get(provider)
    if variables is None:
        raise ConfigError(
            f"There is no model provider {provider[:40]!r}; there are {', '.join(PROVIDERS)}."
        )
    base_url = spec.base_url or _first(environment, variables.base_url)
    if variables.needs_url and not base_url:
        raise ConfigError(
            f"The provider {provider} needs the address of its endpoint; set"
            f" {variables.base_url[0]}, or `base_url:`."
        )
    names = (spec.key_variable,) if spec.key_variable else variables.key
    key = _first(environment, names)
    if not key and (variables.needs_key or spec.key_variable):
        raise ConfigError(
            f"The model provider {provider} has no key; set {names[0]} in the agent's environment"
            " or .env."
        )
    return Endpoint(
        provider,
        _model(spec, provider, environment),
        _address(provider, base_url),
        key,
        names[0],
        _first(environment, variables.version) or (AZURE_VERSION if provider == "azure" else ""),
        responses=provider == "openai" and (spec.api or (base_url and "chat")) in ("", "responses"),
        settings=settings,
        first_byte=waits.get("first_byte"),
        silence=waits.get("silence"),
    )


def split_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """The settings that the provider gets, and how long we wait for it. Raises ConfigError."""
    waits = {name: settings[name] for name in WAITS if name in settings}
    for name, seconds in waits.items():
        number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not number or not 0 < seconds <= LONGEST_S:
            raise ConfigError(f"model_settings.{name} is in seconds, at most {LONGEST_S:g}.")
    return {name: value for name, value in settings.items() if name not in WAITS}, waits


def _model(spec: ModelSpec, provider: str, environment: Mapping[str, str]) -> str:
    names = (*VARIABLES[provider].model, "AGENT_MODEL")
    model = spec.model or _first(environment, names) or DEFAULT_MODELS.get(provider, "")
    if not model:
        raise ConfigError(
            f"The provider {provider} needs the name of a model; set {names[0]}, or `model:`."
        )
    return model


def _address(provider: str, base_url: str) -> str:
    """``base_url`` as the provider's client wants it."""
    address = base_url.rstrip("/")
    if provider != "ollama":
        return address
    if not address:
        return OLLAMA
    return address if address.endswith("/v1") else f"{address}/v1"


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environment.get(name, "").strip())), "")
