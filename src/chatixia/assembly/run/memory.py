"""What an agent of this machine remembers of its conversations, read beside the running agent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chatixia.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from chatixia.store.local.conversations import ConversationRow, StoredMessage


def agent_file(target: str, mesh: str = "") -> tuple[str, Path]:
    """The name of an agent of this machine and the file of what it keeps.

    ``target``: its name, its folder or its manifest. Raises ConfigError, NotFound where it has
    kept nothing yet.
    """
    from chatixia.assembly.membership.agent_folder import STORE, last_folder
    from chatixia.assembly.profile.profile import Profile

    name, data_dir, chosen = _described(target)
    profile = Profile.open(mesh or chosen)
    place = profile.agent_dir(name)
    own = profile.agent_dir(name, data_dir)
    path = last_folder(place, own) / STORE
    if not path.is_file():
        raise NotFound(f"{name} has saved nothing on this machine yet ({path} does not exist).")
    return name, path


def _described(target: str) -> tuple[str, Path | None, str]:
    """Name, ``data_dir`` and mesh of what ``target`` is."""
    from chatixia.agent.manifest import find, load
    from chatixia.ids import is_agent_id

    from .settings import resolve

    place = Path(target)
    if not place.exists() or (place.is_dir() and find(place) is None):
        if not is_agent_id(target):
            raise ConfigError(
                f"{target} is neither the name of an agent nor a folder with an agent.yaml."
            )
        return target, None, ""
    settings = resolve(loaded=load(place))
    return str(settings["name"]), settings.data_dir(), str(settings["mesh"])


class AgentMemory:
    """The conversations in an agent's file, by their callers. ``with`` closes it.

    Making it and each method raise Unavailable, DiskFull, ConfigError.
    """

    def __init__(self, path: Path) -> None:
        from chatixia.store.local.conversation_file import ConversationFile

        self._file = ConversationFile(path)

    def __enter__(self) -> AgentMemory:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self._file.close()

    def conversations(self, caller: str = "", session: str | None = None) -> list[ConversationRow]:
        """Those of a caller, or of all; with ``session`` the one of that name, or of that task."""
        rows = self._file.conversations(_owner(caller))
        return [row for row in rows if session is None or session in (row.session, row.task)]

    def messages(self, row: ConversationRow) -> list[StoredMessage]:
        """The messages of one, the oldest first."""
        return self._file.messages(row.id)

    def forget(self, caller: str = "", session: str | None = None) -> int:
        """Delete one conversation, those of a caller, or all; how many."""
        return self._file.forget(_owner(caller), session)


def _owner(caller: str) -> str | None:
    from chatixia.agent.model.conversations import owner_of

    return owner_of(caller) if caller else None
