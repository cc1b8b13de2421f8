"""Write a new agent's folder: ``agent.py agent.yaml AGENT.md .env.example .gitignore``."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from string import Template

from chatixia.errors import ConfigError
from chatixia.ids import id_problem, is_agent_id

from .templates import CALLERS, ENVIRONMENT, GUIDE, IGNORED, MANIFEST, NO_CALLERS, TEMPLATES


def scaffold(name: str, folder: Path, role: str = "worker", machine: str = "") -> list[str]:
    """Write the files of a new agent ``name`` into ``folder``; the names of those written.

    ``role``: a key of :data:`~chatixia.assembly.run.templates.TEMPLATES`. ``machine``: this one's
    name in its mesh, which may change things through the agent's model; empty for none. An
    ``agent.yaml`` there is a refusal, any other existing file stays as it is. Raises ConfigError.
    """
    check_name(name)
    files = contents(name, role, machine)
    if (folder / "agent.yaml").exists() or (folder / "agent.yml").exists():
        raise ConfigError(f"{folder / 'agent.yaml'} already exists; run it with `chatixia run`.")
    written: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            written += [file] if write(folder / file, text) else []
    except OSError as error:
        for file in written:  # half a folder would be taken for an agent
            (folder / file).unlink(missing_ok=True)
        raise ConfigError(f"{folder} cannot be written: {error.strerror}.") from error
    return written


def contents(name: str, role: str, machine: str = "") -> dict[str, str]:
    """File name -> text for an agent ``name`` of that role."""
    if role not in TEMPLATES:
        close = get_close_matches(role, list(TEMPLATES), 1) or list(TEMPLATES)
        raise ConfigError(f"There is no role {role}; use {' or '.join(close)}.")
    template = TEMPLATES[role]
    words = {
        "name": name,
        "title": name,
        "about": template.about,
        "guide": template.guide,
        "prompt": template.prompt,
        "callers": Template(CALLERS).substitute(machine=machine) if machine else NO_CALLERS,
    }
    texts = {
        "agent.py": template.code,
        "agent.yaml": MANIFEST,
        "AGENT.md": GUIDE,
        ".env.example": ENVIRONMENT,
        ".gitignore": IGNORED,
    }
    return {file: Template(text).substitute(words) for file, text in texts.items()}


def write(path: Path, text: str) -> bool:
    """Write ``path`` unless it exists; whether it was written."""
    try:
        file = path.open("x", encoding="utf-8", newline="\n")
    except FileExistsError:
        return False
    try:
        with file:
            file.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def check_name(name: str) -> None:
    """Refuse a name that no agent may have, with one that would do."""
    if is_agent_id(name):
        return
    better = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")
    hint = f", such as {better[:63]}" if is_agent_id(better[:63]) else ""
    raise ConfigError(f"{name} cannot be an agent's name: {id_problem(name)}{hint}.")


def name_for(folder: Path) -> str:
    """The name of an agent that is scaffolded in ``folder``: the folder's own, if it may be one."""
    name = folder.resolve().name.lower()
    return name if is_agent_id(name) else "my-agent"
