"""What `chatixia run` takes: a folder, a file, or ``module:attribute``, as agents ready to run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from chatixia.agent import manifest
from chatixia.assembly.agent import Agent
from chatixia.core.wording import with_article
from chatixia.errors import ConfigError, MeshError

from .describe import CODE, describe, give
from .pyfile import LEFT, failed, run_file
from .running import collecting


def load(target: str, **flags: Any) -> list[Agent]:
    """The agents that ``target`` names, under the settings that a command line says.

    A folder: its ``agent.yaml``, and its ``agent.py`` if there is one. A ``.yaml`` file: the agents
    it describes, with the ``agent.py`` beside it. A ``.py`` file: what it runs, or the agents it
    makes. ``module:attribute``: that agent. Raises ConfigError in one sentence.
    """
    agents = _load(target)
    for agent in agents:
        agent.configure(**flags)
    return agents


def _load(target: str) -> list[Agent]:
    path = Path(target)
    file, _, attribute = target.rpartition(":")
    if not path.exists() and file.endswith(".py"):
        raise ConfigError(
            f"{target} is neither a file nor a module; name {file}, or"
            f" {Path(file).stem}:{attribute} for one agent of it."
        )
    if not path.exists() and ":" in target and not target.endswith((".py", ".yaml", ".yml")):
        return [_attribute(target)]
    if not path.exists():
        raise ConfigError(f"{target} does not exist; name a folder, a file or module:attribute.")
    if path.suffix == ".py":
        beside(path.parent)
        agents = _from_code(path)
        describe(agents, path)
        return agents
    described = manifest.find(path)
    code = (described.parent if described else path) / CODE
    if described is None and not code.is_file():
        raise ConfigError(f"There is no agent.yaml in {path}; create one with `chatixia init`.")
    manifests = beside(path) if described is not None else []
    agents = _from_code(code) if code.is_file() else []
    names = [agent.name for agent in agents]
    if manifests and (len(manifests) > 1 or not agents):
        agents += [
            _from_manifest(one, manifests) for one in manifests if one.manifest.name not in names
        ]
    for loaded in manifests:
        give(agents, loaded)
    return agents


def beside(place: Path) -> list[manifest.LoadedManifest]:
    """What the manifest in a folder (or that file) says of each agent, its ``.env`` in the
    environment before any code runs. Raises ConfigError for a mistake in it."""
    from .settings import fill_environment

    if manifest.find(place) is None:
        return []
    manifests = manifest.load_all(place)
    fill_environment(manifests[0])
    return manifests


def _from_manifest(
    loaded: manifest.LoadedManifest, manifests: Sequence[manifest.LoadedManifest]
) -> Agent:
    from .settings import resolve

    name = loaded.manifest.name if len(manifests) > 1 else resolve(loaded=loaded)["name"]
    if not name:
        raise ConfigError(f"{loaded.path}: the key name is missing.")
    return Agent(name, loaded.manifest.description)


def _from_code(path: Path) -> list[Agent]:
    """The agents that a file runs by itself, else those it makes."""
    with collecting() as ran:
        module = run_file(path)
    agents = list(dict.fromkeys(ran)) or _agents_of(module)
    if not agents:
        raise ConfigError(f"{path} defines no agent; add `agent = Agent(NAME)`.")
    return agents


def _agents_of(module: ModuleType) -> list[Agent]:
    """The agent called ``agent``, else every agent among the module's names."""
    chosen = getattr(module, "agent", None)
    if isinstance(chosen, Agent):
        return [chosen]
    return list(dict.fromkeys(v for v in vars(module).values() if isinstance(v, Agent)))


def _attribute(target: str) -> Agent:
    name, _, attribute = target.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        with collecting():
            value: Any = importlib.import_module(name)
    except MeshError:
        raise
    except LEFT as error:
        raise ConfigError(f"{name} cannot be loaded: {failed(error)}") from error
    for step in attribute.split("."):
        if not hasattr(value, step):
            from difflib import get_close_matches  # only for a mistake: it costs 0.2 MB

            close = get_close_matches(step, dir(value), 1)
            raise ConfigError(
                f"{name} has no {step}" + (f"; did you mean {close[0]}?" if close else ".")
            )
        value = getattr(value, step)
    if not isinstance(value, Agent):
        raise ConfigError(f"{target} is {with_article(type(value).__name__)}, not an Agent.")
    _describe_attribute(value, name)
    return value


def _describe_attribute(agent: Agent, module: str) -> None:
    """The manifest beside a module counts for the agent that it names."""
    path = getattr(sys.modules[module], "__file__", None)
    for loaded in beside(Path(path).parent) if path else []:
        if loaded.manifest.name == agent.name:
            give([agent], loaded)
