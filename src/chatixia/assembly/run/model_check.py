"""Whether the models of the agents that are described here answer: each is asked for one word."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from chatixia.agent import manifest
from chatixia.agent.model.words import (
    ModelEngine,
    ModelSpec,
    RunRequest,
    ToolCall,
    ToolOutcome,
    ToolSpec,
    Usage,
)
from chatixia.assembly.doctor.findings import Diagnosis, Finding
from chatixia.errors import ConfigError, MeshError, MissingExtra
from chatixia.world import REAL, World

if TYPE_CHECKING:
    from chatixia.agent.manifest import LoadedManifest

SECONDS: Final = 20.0
"""How long a model may take for its word."""
MOST: Final = 8
"""Models that are asked."""

MakeEngine = Callable[[ModelSpec, Mapping[str, str]], ModelEngine]


def examine_with_models(mesh: str, engine: str, folder: Path, world: World = REAL) -> Diagnosis:
    """:func:`~chatixia.assembly.doctor.examine.examine`, and the models of the agents that are
    described in ``folder``."""
    from chatixia.assembly.doctor.examine import examine

    report = examine(mesh, engine, world)
    return Diagnosis([*report.findings, *check_models(folder, world)], report.tier, report.reason)


def check_models(folder: Path, world: World, make: MakeEngine | None = None) -> list[Finding]:
    """A line for each model of the manifest in ``folder``; none where there is no manifest, or
    none in it. Asks each, all at once: it costs as much as a word does."""
    try:
        if manifest.find(folder) is None:
            return []
        manifests = manifest.load_all(folder)
        models = list(dict.fromkeys(each for one in manifests for each in _models(one)))
    except ConfigError as error:
        return [Finding("manifest", "fail", error.message, "chatixia validate names each mistake")]
    variables = {**manifests[0].environment, **os.environ}
    return asyncio.run(_ask_all(models[:MOST], variables, world, make or _library))


class _Model(msgspec.Struct, frozen=True):
    """A model to ask: of which agent, and how its owner named it."""

    provider: str
    model: str
    base_url: str
    settings: bytes = b"{}"

    @property
    def spec(self) -> ModelSpec:
        settings = msgspec.json.decode(self.settings)
        return ModelSpec(self.provider, self.model, self.base_url, settings=settings)

    @property
    def title(self) -> str:
        return ":".join(part for part in (self.provider, self.model) if part) or "model"


def _models(loaded: LoadedManifest) -> list[_Model]:
    from chatixia.assembly.model import model_spec, wants_model
    from chatixia.assembly.run.settings import resolve

    settings = resolve(loaded=loaded)
    has_code = (loaded.folder / "agent.py").is_file()
    if not wants_model(settings, is_code=has_code):
        return []
    first = model_spec(settings)
    specs = (first, *first.fallback)
    encode = msgspec.json.encode
    return [_Model(one.provider, one.model, one.base_url, encode(one.settings)) for one in specs]


async def _ask_all(
    models: Sequence[_Model], variables: Mapping[str, str], world: World, make: MakeEngine
) -> list[Finding]:
    return await asyncio.gather(*(_ask(model, variables, world, make) for model in models))


async def _ask(
    model: _Model, variables: Mapping[str, str], world: World, make: MakeEngine
) -> Finding:
    engine, began = make(model.spec, variables), world.monotonic()
    try:
        title = engine.title
        await engine.warm()
        began = world.monotonic()
        async with asyncio.timeout(SECONDS), aclosing(engine.run(_request())) as pieces:
            async for piece in pieces:
                if isinstance(piece, str) and piece.strip():
                    break
    except (ConfigError, MissingExtra) as error:
        cure = "chatixia run works without it; see docs/agents.md for the variables"
        return Finding("model", "warn", f"{model.title}: {error.message}", cure)
    except TimeoutError:
        text = f"{title} has not answered within {SECONDS:g} s"
        return Finding("model", "fail", text, "is its endpoint reachable from here? see base_url")
    except MeshError as error:
        cure = "is the key of that provider, and may it use that model?"
        return Finding("model", "fail", f"{title}: {error.message}", cure)
    finally:
        await engine.close()
    ms = 1000 * (world.monotonic() - began)
    return Finding("model", "ok", f"{title} answers, first word after {ms:.0f} ms")


def _request() -> RunRequest:
    return RunRequest(
        "Answer with one word.",
        ["Are you there?"],
        _NoTools(),
        _NoBudget(),
        _NoJournal(),
        max_turns=1,
        seconds=SECONDS,
    )


def _library(spec: ModelSpec, variables: Mapping[str, str]) -> ModelEngine:
    from chatixia.agent.model.engine import LibraryEngine

    return LibraryEngine(spec, variables)


class _NoTools:
    def specs(self) -> Sequence[ToolSpec]:
        return ()

    async def run(self, call: ToolCall, *, again: bool = False) -> ToolOutcome:
        return ToolOutcome("There are no tools.", failed=True)


class _NoBudget:
    async def before(self, estimate_tokens: int, provider: str) -> None:
        """Nothing is limited."""

    async def after(self, usage: Usage) -> None:
        """Nothing is counted."""


class _NoJournal:
    async def keep(self, messages: Sequence[bytes]) -> None:
        """Nothing is stored."""
