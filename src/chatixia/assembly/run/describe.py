"""Give an agent made by code what the ``agent.yaml`` beside that code says."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol

from chatixia.agent import manifest, skill_json
from chatixia.agent.skill import Skill
from chatixia.assembly.profile.files import expanded
from chatixia.errors import ConfigError

from .pyfile import run_file

CODE: Final = "agent.py"


class AgentLike(Protocol):
    """An :class:`~chatixia.Agent`, as far as this file knows it."""

    name: str
    description: str
    loaded: manifest.LoadedManifest | None

    def add(self, skill: Skill) -> None:
        """Take a skill that is not a decorated function."""
        ...


def described_skills(loaded: manifest.LoadedManifest) -> list[Skill]:
    """The skills in the manifest's ``skills.dirs``. Raises ConfigError."""
    skills: list[Skill] = []
    for name in loaded.manifest.skills.dirs:
        folder = loaded.folder / expanded(Path(name))
        if not folder.is_dir():
            raise ConfigError(f"{loaded.path}: the folder {folder} of skills.dirs does not exist.")
        places = [folder] if (folder / skill_json.FILE).is_file() else sorted(folder.iterdir())
        skills += [_described_skill(at) for at in places if (at / skill_json.FILE).is_file()]
    return skills


def _described_skill(place: Path) -> Skill:
    description = skill_json.read(place)
    module = run_file(place / skill_json.HANDLER)
    handler = getattr(module, "handle", None)
    if not callable(handler):
        raise ConfigError(f"{place / skill_json.HANDLER} has no function `handle`.")
    return skill_json.skill(description, handler, place)


def describe(agents: Sequence[AgentLike], code: Path) -> None:
    """Give the agents that the file ``code`` made the manifest beside it, if it is theirs.

    Raises ConfigError for a mistake in it, and where ``agent.py`` and ``agent.yaml`` disagree.
    """
    path = manifest.find(code.parent)
    if path is None or not agents:
        return
    manifests = manifest.load_all(path)
    for loaded in manifests:
        is_only_one = code.name == CODE and len(manifests) == 1
        if is_only_one or loaded.manifest.name in ("", *names(agents)):
            give(agents, loaded)  # else it describes another agent of this folder


def names(agents: Sequence[AgentLike]) -> list[str]:
    """The agents' names."""
    return [agent.name for agent in agents]


def give(agents: Sequence[AgentLike], loaded: manifest.LoadedManifest) -> None:
    """Give the first agent of the manifest's name that manifest. Raises ConfigError."""
    named = loaded.manifest.name
    owners = [agent for agent in agents if agent.name == named or not named]
    if not owners:
        raise ConfigError(
            f"{loaded.path} calls the agent {named}, and {CODE} beside it "
            f"{', '.join(names(agents))}; give it one name."
        )
    owners[0].loaded = loaded
    owners[0].description = owners[0].description or loaded.manifest.description
    for skill in described_skills(loaded):
        owners[0].add(skill)


def describe_script(agents: Iterable[AgentLike]) -> None:
    """Give the agents of a script what ``agent.yaml`` and ``.env`` beside it say."""
    from chatixia.assembly.logs import set_up_script

    from .settings import fill_environment

    path = getattr(sys.modules.get("__main__"), "__file__", None)
    if path:
        describe([agent for agent in agents if agent.loaded is None], Path(path))
    for agent in agents:
        fill_environment(agent.loaded)
    set_up_script()
