"""Artifacts on the command line: named by a file, described, saved, printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chatixia.cli import artifacts
from chatixia.cli.arguments import assemble
from chatixia.cli.common import Console
from chatixia.client.artifact import Artifact
from chatixia.errors import BadArguments, Conflict
from tests.client.test_artifact_sources import DATA, Feed

SCHEMA: Any = {"properties": {"photo": {"type": "object", "format": "artifact"}, "n": {}}}


def no_read(name: str) -> bytes:
    raise AssertionError(f"{name} was read")


def received() -> Artifact:
    feed = Feed()
    feed.info.name = "../cat.jpg"
    return Artifact.received(feed)


@pytest.fixture
def console() -> Console:
    return Console(as_json=False, quiet=False, verbose=0, mesh="")


def test_a_file_for_an_artifact_is_not_read(tmp_path: Path):
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8")
    words = [f"photo@{tmp_path / 'cat.jpg'}"]
    photo = assemble(words, SCHEMA, no_read)["photo"]
    assert (photo.name, photo.size, photo.media_type) == ("cat.jpg", 2, "image/jpeg")


async def test_standard_input_for_an_artifact_is_its_bytes():
    photo = assemble(["photo@-"], SCHEMA, lambda name: b"abc")["photo"]
    assert await photo.read() == b"abc"


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path):
    def missing(name: str) -> bytes:
        raise BadArguments(f"{name} cannot be read.")

    with pytest.raises(BadArguments, match="cannot be read"):
        assemble([f"photo@{tmp_path / 'none'}"], SCHEMA, missing)


def test_a_result_is_described_and_not_fetched():
    artifact = received()
    value = artifacts.described({"a": [artifact, 1], "b": "x"})
    assert value["a"][0] == {
        "name": "../cat.jpg",
        "media_type": "",
        "size": len(DATA),
        "sha256": artifact.sha256,
    }
    assert (value["a"][1], value["b"]) == (1, "x")
    assert artifact.source.feed.pulls == []  # type: ignore[attr-defined]


async def test_it_is_saved_in_a_folder_or_as_a_file(
    tmp_path: Path, console: Console, capsys: pytest.CaptureFixture[str]
):
    await artifacts.save(console, received(), str(tmp_path))
    assert (tmp_path / "cat.jpg").read_bytes() == DATA
    assert "saved" in capsys.readouterr().err
    await artifacts.save(console, {"x": received()}, str(tmp_path / "y"))
    assert (tmp_path / "y").read_bytes() == DATA
    with pytest.raises(Conflict):
        await artifacts.save(console, received(), str(tmp_path / "y"))


async def test_it_is_printed(console: Console, capfdbinary: pytest.CaptureFixture[bytes]):
    await artifacts.save(console, received(), "-")
    assert capfdbinary.readouterr().out == DATA


async def test_several_need_a_folder_and_none_is_a_mistake(tmp_path: Path, console: Console):
    with pytest.raises(BadArguments, match="folder"):
        await artifacts.save(console, [received(), received()], str(tmp_path / "x"))
    with pytest.raises(BadArguments, match="no artifact"):
        await artifacts.save(console, {"n": 1}, str(tmp_path))


def test_a_place_that_cannot_be_saved_to_is_refused_before_the_call(tmp_path: Path):
    (tmp_path / "there").touch()
    for where in (tmp_path / "no" / "x", tmp_path / "there"):
        with pytest.raises(BadArguments, match="There is no folder|is there already"):
            artifacts.check_place(str(where))
    for good in ("", "-", str(tmp_path), str(tmp_path / "new"), "new"):
        artifacts.check_place(good)
