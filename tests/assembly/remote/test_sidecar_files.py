"""Files go into the folder by a link where that can be, else as a copy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chatixia.assembly.remote import sidecar_files
from chatixia.assembly.remote.sidecar_files import brought_in, remove
from chatixia.client.artifact_sources import BytesSource, FileSource
from chatixia.errors import NotFound


async def test_a_file_is_linked_and_bytes_are_written(tmp_path: Path, monkeypatch):
    folder, source = tmp_path / "files", tmp_path / "a.txt"
    folder.mkdir()
    source.write_bytes(b"abc")
    sources = [FileSource(str(source), "a.txt", "text/plain"), BytesSource(b"x" * 600_000, "b", "")]
    linked, written = await brought_in(str(folder), sources)
    assert os.path.samefile(linked.path, source)
    assert (linked.name, linked.media_type) == ("a.txt", "text/plain")
    assert Path(written.path).read_bytes() == b"x" * 600_000

    remove([linked, written, linked])
    assert not list(folder.iterdir()) and source.exists()

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(sidecar_files.os, "link", refuse)
    [copied] = await brought_in(str(folder), sources[:1])
    assert not os.path.samefile(copied.path, source)
    assert Path(copied.path).read_bytes() == b"abc"


def test_a_file_that_is_gone(tmp_path: Path):
    with pytest.raises(NotFound):
        sidecar_files._read(str(tmp_path / "none"), 0)
