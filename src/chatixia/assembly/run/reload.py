"""``chatixia run --reload``: agents start anew, in the same process, when their files change.

Polling, for it needs no library and works on every file system: a few hundred files are looked at
in a few milliseconds, on a thread. What cannot be loaded leaves the running agents as they are.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from chatixia.errors import MeshError

from .running import Runnable, Tell, check

EVERY_S: Final = 0.5
"""Seconds between two looks at the files; they have to be the same at two, to be loaded."""
MAX_FILES: Final = 5_000
"""Files that are watched; a folder with more is watched in part."""
SUFFIXES: Final = frozenset({".py", ".yaml", ".yml", ".md", ".json", ".toml", ".txt", ".env"})
SKIPPED: Final = frozenset({"__pycache__", "node_modules", "venv"})

Snapshot = dict[str, tuple[int, int]]
"""Path -> time of the last change in ns, and size."""


def watched(place: Path) -> Iterator[Path]:
    """The files in a folder, or beside a file, on which its agents may depend."""
    root = place if place.is_dir() else place.parent
    count = 0
    for folder, inner, files in os.walk(root):
        inner[:] = [one for one in inner if one[0] != "." and one not in SKIPPED]
        for name in sorted(files):
            if name == ".env" or Path(name).suffix in SUFFIXES:
                count += 1
                if count > MAX_FILES:
                    return
                yield Path(folder, name)


def snapshot(place: Path) -> Snapshot:
    """How the files are now; one that is just gone is not there."""
    state: Snapshot = {}
    for path in watched(place):
        try:
            stat = path.stat()
        except OSError:
            continue
        state[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return state


def changed_names(before: Snapshot, after: Snapshot) -> list[str]:
    """The names of the files that differ."""
    paths = {path for path, _ in before.items() ^ after.items()}
    return sorted({Path(path).name for path in paths})


class FreshStart:
    """Puts the process back to how it was before a folder's code ran: its environment, and no
    module of the folder loaded."""

    def __init__(self, place: Path) -> None:
        self._root = (place if place.is_dir() else place.parent).resolve()
        self._environment = dict(os.environ)

    def restore(self) -> None:
        """Do it."""
        for name in set(os.environ) - set(self._environment):
            del os.environ[name]
        os.environ.update(self._environment)
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and self._is_inside(Path(file)):
                del sys.modules[name]

    def _is_inside(self, file: Path) -> bool:
        try:
            parts = file.resolve().relative_to(self._root).parts
        except (OSError, ValueError):
            return False
        return not any(part[0] == "." or part in SKIPPED for part in parts)


class Reloader:
    """Loads agents anew whenever a file of ``place`` changed: ``following`` of
    :func:`~chatixia.assembly.run.running.run`. Make it before the first load."""

    def __init__(
        self,
        place: Path,
        load: Callable[[], Sequence[Runnable]],
        tell: Tell,
        every: float = EVERY_S,
    ) -> None:
        self._place, self._load, self._tell, self._every = place, load, tell, every
        self._fresh = FreshStart(place)
        self._state = snapshot(place)

    async def __call__(self) -> Sequence[Runnable]:
        """The agents after the next change that can be loaded; what cannot be is told."""
        while True:
            names = await self._change()
            self._tell(f"  reload    {', '.join(names[:3])}{', ...' * (len(names) > 3)} changed")
            try:
                return await asyncio.to_thread(self._load_anew)
            except MeshError as error:
                self._tell(f"  reload    failed: {error.message}")

    def _load_anew(self) -> Sequence[Runnable]:
        self._fresh.restore()
        agents = self._load()
        check(agents)
        return agents

    async def _change(self) -> list[str]:
        """Wait until files changed, and then stayed as they are for one look."""
        last = self._state
        while True:
            await asyncio.sleep(self._every)
            now = await asyncio.to_thread(snapshot, self._place)
            if now == last != self._state:
                names, self._state = changed_names(self._state, now), now
                return names
            last = now
