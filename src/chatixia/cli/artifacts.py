"""Artifacts on the command line: described where nobody asked for them, else saved."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from . import output
from .bar import Bar

if TYPE_CHECKING:
    from chatixia.client.artifact import Artifact

    from .common import Console


def inside(value: Any) -> Iterator[Artifact]:
    """Every artifact in a result, in order."""
    from chatixia.client.artifact import Artifact

    if isinstance(value, Artifact):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from inside(item)
    elif isinstance(value, list):
        for item in value:
            yield from inside(item)


def described(value: Any) -> Any:
    """A result with each artifact as what its sender says of it."""
    from chatixia.client.artifact import Artifact

    if isinstance(value, Artifact):
        return {
            "name": value.name,
            "media_type": value.media_type,
            "size": value.size,
            "sha256": value.sha256,
        }
    if isinstance(value, Mapping):
        return {key: described(item) for key, item in value.items()}
    return [described(item) for item in value] if isinstance(value, list) else value


def of_file(path: str, read: Callable[[str], bytes]) -> Artifact:
    """The artifact of a file that was named as an argument; standard input for ``-`` is ``read``
    whole. Raises BadArguments, TooLarge."""
    from chatixia.client.artifact import Artifact
    from chatixia.errors import BadArguments

    try:
        if not os.path.isfile(path):
            return Artifact.of(read(path), name="" if path == "-" else os.path.basename(path))
        return Artifact.of(path)
    except OSError as error:
        raise BadArguments(f"{path} cannot be read: {error.strerror}.") from None


def check_place(where: str) -> None:
    """Whether ``where`` can be saved to, before any work is done for it. Raises BadArguments."""
    from chatixia.errors import BadArguments

    folder = os.path.dirname(where) or "."
    if where in ("", "-") or os.path.isdir(where):
        return
    if not os.path.isdir(folder):
        raise BadArguments(f"There is no folder {folder} to save to.")
    if os.path.lexists(where):
        raise BadArguments(f"{where} is there already; name another file with -o.")


async def save(console: Console, value: Any, where: str) -> None:
    """Save what a result holds: as the file ``where``, into the folder ``where``, or for ``-`` to
    standard output. Raises BadArguments, Conflict, DiskFull, NotFound."""
    from chatixia.errors import BadArguments

    artifacts = list(inside(value))
    if not artifacts:
        raise BadArguments("The result holds no artifact; leave out -o to see it.")
    if len(artifacts) > 1:
        _need_folder(len(artifacts), where)
    for artifact in artifacts:
        await _save_one(console, artifact, where)


def _need_folder(count: int, where: str) -> None:
    from chatixia.errors import BadArguments

    if not os.path.isdir(where):
        raise BadArguments(
            f"The result holds {count} artifacts; name a folder that is there with -o."
        )


async def _save_one(console: Console, artifact: Artifact, where: str) -> None:
    from chatixia.client.progress import Progress

    with Bar(console) as bar:

        def step(done: int, size: int) -> None:
            note = f"{output.size(done)} of {output.size(size)}"
            bar.step(Progress(done / size if size else 1.0, note))

        if where == "-":
            await _print(artifact, step)
            return
        path = await artifact.save(where, on_progress=step)
    console.say(f"  saved {path}, {output.size(artifact.size)}")


async def _print(artifact: Artifact, step: Any) -> None:
    """Its bytes on standard output, as they come: what was wrong shows at the end."""
    done = 0
    async with contextlib.aclosing(artifact.stream()) as pieces:
        async for piece in pieces:
            sys.stdout.buffer.write(piece)
            done += len(piece)
            step(done, artifact.size)
    sys.stdout.buffer.flush()
