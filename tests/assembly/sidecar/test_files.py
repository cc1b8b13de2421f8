"""The folder of artifacts: private, and nothing outside it is sent."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatixia.assembly.sidecar.files import ArtifactFolder
from chatixia.errors import BadArguments, BadRequest, ConfigError, NotFound
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.ipc import IpcFile
from tests.sidecar.test_answers import Feed

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def folder(place: Path) -> ArtifactFolder:
    files = ArtifactFolder(place / "files")
    files.open()
    return files


async def test_what_comes_is_checked_and_lies_in_a_place_of_its_own(tmp_path: Path):
    files = folder(tmp_path)
    assert stat.S_IMODE(Path(files.path).stat().st_mode) == 0o700
    feed = Feed()
    with pytest.raises(BadRequest):
        await files.save(feed)
    assert list(Path(files.path).iterdir()) == []
    feed.info = ArtifactInfo(3, ABC, name="../../photo.png")
    first, second = await files.save(feed), await files.save(feed)
    assert first != second and Path(first).name == "photo.png"
    assert Path(first).is_relative_to(files.path) and Path(first).read_bytes() == b"abc"
    inline = Feed()
    inline.info = ArtifactInfo(3, ABC, name="b", data=b"abc")
    assert Path(await files.save(inline)).read_bytes() == b"abc"
    files.remove(first)
    files.remove(first)
    assert not Path(first).parent.exists()
    files.close()
    assert not Path(files.path).exists()


async def test_only_files_of_the_folder_are_sent(tmp_path: Path):
    files = folder(tmp_path)
    (tmp_path / "secret").write_bytes(b"s")
    inside = Path(files.path) / "a.txt"
    inside.write_bytes(b"abc")
    link = Path(files.path) / "link"
    link.symlink_to(tmp_path / "secret")
    described = await files.source(IpcFile(path=str(inside), media_type="text/plain")).describe()
    assert (described.size, described.name, described.sha256) == (3, "a.txt", ABC)
    for path in ("", str(tmp_path / "secret"), str(link), f"{files.path}/../secret"):
        with pytest.raises(BadArguments):
            files.source(IpcFile(path=path))
    with pytest.raises(NotFound):
        files.source(IpcFile(path=f"{files.path}/none"))


def test_a_place_that_cannot_be_made(tmp_path: Path):
    with pytest.raises(ConfigError):
        ArtifactFolder(tmp_path / "no" / "files").open()
