"""What `chatixia run` takes: a folder, a file, or ``module:attribute``, as agents ready to run."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from chatixia.agent import described, manifest
from chatixia.agent.skill import Skill
from chatixia.errors import ConfigError, MeshError

from .agent import Agent
from .running import collecting

CODE: Final = "agent.py"


def load(target: str, **flags: Any) -> list[Agent]:
    """The agents that ``target`` names, under the settings that a command line says.

    A folder: its ``agent.yaml``, and its ``agent.py`` if there is one. A ``.yaml`` file: the agent
    it describes, with the ``agent.py`` beside it. A ``.py`` file: what it runs, or the agents it
    makes. ``module:attribute``: that agent. Raises ConfigError in one sentence.
    """
    agents = _load(target)
    for agent in agents:
        agent.configure(**flags)
    return agents


def _load(target: str) -> list[Agent]:
    path = Path(target)
    if not path.exists() and ":" in target and not target.endswith((".py", ".yaml", ".yml")):
        return [_attribute(target)]
    if not path.exists():
        raise ConfigError(f"{target} is not there; name a folder, a file or module:attribute.")
    if path.suffix == ".py":
        agents = _from_code(path)
        _describe(agents, manifest.find(path.parent))
        return agents
    found = manifest.find(path)
    code = (found.parent if found else path) / CODE
    if found is None and not code.is_file():
        raise ConfigError(f"There is no agent.yaml in {path}; `chatixia init` makes one.")
    agents = _from_code(code) if code.is_file() else []
    _describe(agents, found)
    return agents


def read_manifest(target: str) -> manifest.Loaded:
    """The manifest that ``target`` (a folder or a file) holds, checked. Raises ConfigError."""
    loaded = manifest.load(Path(target))
    if not loaded.manifest.name:
        raise ConfigError(f"{loaded.path}: the key name is missing.")
    _made(loaded)
    return loaded


def described_skills(loaded: manifest.Loaded) -> list[Skill]:
    """The skills in the manifest's ``skills.dirs``. Raises ConfigError."""
    found: list[Skill] = []
    for name in loaded.manifest.skills.dirs:
        folder = loaded.folder / Path(name).expanduser()
        if not folder.is_dir():
            raise ConfigError(f"{loaded.path}: the folder {folder} of skills.dirs is not there.")
        places = [folder] if (folder / described.FILE).is_file() else sorted(folder.iterdir())
        found += [_described_skill(at) for at in places if (at / described.FILE).is_file()]
    return found


def _described_skill(place: Path) -> Skill:
    said = described.read(place)
    module = _module(place / described.HANDLER)
    handler = getattr(module, "handle", None)
    if not callable(handler):
        raise ConfigError(f"{place / described.HANDLER} has no function `handle`.")
    return described.skill(said, handler, place)


def _describe(agents: list[Agent], path: Path | None) -> None:
    """Give the agents of a folder its manifest; without code, make the one it describes."""
    if path is None:
        return
    loaded = manifest.load(path)
    if not agents:
        agents.append(_made(loaded))
    named = loaded.manifest.name
    mine = [agent for agent in agents if agent.name == named or not named]
    if not mine:
        raise ConfigError(
            f"{path} calls the agent {named}, and {CODE} beside it "
            f"{', '.join(agent.name for agent in agents)}; give it one name."
        )
    for agent in mine[:1]:
        agent.loaded = loaded
        agent.description = agent.description or loaded.manifest.description
        for skill in described_skills(loaded):
            agent.add(skill)


def _made(loaded: manifest.Loaded) -> Agent:
    from .settings import resolve

    name = resolve(loaded=loaded)["name"]
    if not name:
        raise ConfigError(f"{loaded.path}: the key name is missing.")
    return Agent(name, loaded.manifest.description)


def _from_code(path: Path) -> list[Agent]:
    """The agents that a file runs by itself, else those it makes."""
    with collecting() as ran:
        module = _module(path)
    found = list(dict.fromkeys(ran)) or _agents_of(module)
    if not found:
        raise ConfigError(f"{path} makes no agent; write: agent = Agent(NAME).")
    return found


def _agents_of(module: ModuleType) -> list[Agent]:
    """The agent called ``agent``, else every agent among the module's names."""
    chosen = getattr(module, "agent", None)
    if isinstance(chosen, Agent):
        return [chosen]
    return list(dict.fromkeys(v for v in vars(module).values() if isinstance(v, Agent)))


def _module(path: Path) -> ModuleType:
    """Run a file as a module, its own folder first on the path, as a script would have it."""
    name = f"chatixia_run_{path.stem}_{abs(hash(path.absolute())):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.parent.absolute())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except MeshError:
        raise
    except Exception as error:
        raise ConfigError(f"{path} cannot be loaded: {_said(error)}") from error
    return module


def _attribute(target: str) -> Agent:
    name, _, attribute = target.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        with collecting():
            found: Any = importlib.import_module(name)
    except MeshError:
        raise
    except Exception as error:
        raise ConfigError(f"{name} cannot be loaded: {_said(error)}") from error
    for step in attribute.split("."):
        if not hasattr(found, step):
            close = get_close_matches(step, dir(found), 1)
            raise ConfigError(
                f"{name} has no {step}" + (f"; did you mean {close[0]}?" if close else ".")
            )
        found = getattr(found, step)
    if not isinstance(found, Agent):
        raise ConfigError(f"{target} is a {type(found).__name__}, not an Agent.")
    return found


def _said(error: Exception) -> str:
    text = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    line = error.lineno if isinstance(error, SyntaxError) else _line(error)
    return f"{text}{f' (line {line})' if line else ''}."


def _line(error: Exception) -> int | None:
    trace, line = error.__traceback__, None
    while trace is not None:
        line, trace = trace.tb_lineno, trace.tb_next
    return line


__all__: Sequence[str] = ["described_skills", "load", "read_manifest"]
