"""The private folder of a sidecar, in which artifacts lie (``sidecar.ports.FileFolder``)."""

from __future__ import annotations

import contextlib
from pathlib import Path

from chatixia.client.artifact_sources import FileSource
from chatixia.core.ports import ArtifactFeed, ArtifactSource
from chatixia.errors import BadArguments, ConfigError, NotFound
from chatixia.wire.artifacts import MAX_NAME
from chatixia.wire.ipc import IpcFile


class ArtifactFolder:
    """A folder of 0700, made empty by :meth:`open` and gone after :meth:`close`."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def open(self) -> None:
        """Make it. Raises ConfigError."""
        self.close()
        try:
            self._place.mkdir(mode=0o700)
        except OSError as error:
            raise ConfigError(f"{self._place} cannot be made: {error.strerror}.") from error

    def close(self) -> None:
        """Remove it with all that is in it."""
        import shutil

        shutil.rmtree(self._place, ignore_errors=True)

    @property
    def path(self) -> str:
        """Where it is."""
        return str(self._place)

    def source(self, file: IpcFile) -> ArtifactSource:
        """A file in it. Raises BadArguments for one elsewhere, NotFound."""
        place = Path(file.path)
        real = place.resolve()
        if not file.path or not real.is_relative_to(self._place.resolve()):
            raise BadArguments(f"An artifact is sent as a file in {self._place}.")
        if not real.is_file():
            raise NotFound(f"There is no file {place.name[:80]} in {self._place}.")
        name = file.name or place.name
        return FileSource(str(real), name[:MAX_NAME], file.media_type)

    async def save(self, feed: ArtifactFeed) -> str:
        """Bring an artifact into it, each into a folder of its own; the path."""
        import shutil
        from tempfile import mkdtemp

        from chatixia.client.artifact import Artifact

        artifact = Artifact.received(feed) if feed.info.data is None else Artifact.inline(feed.info)
        place = Path(mkdtemp(prefix="in-", dir=self._place))
        try:
            return str(await artifact.save(place))
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def remove(self, path: str) -> None:
        """A file that was saved is not wanted any more; a program may have moved it."""
        with contextlib.suppress(OSError):
            Path(path).unlink()
        with contextlib.suppress(OSError):
            Path(path).parent.rmdir()
