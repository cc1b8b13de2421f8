"""Artifacts as files: no label leads out of the folder, and no half file is left."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from chatixia.client.artifact_files import NAMELESS, PartFile, safe_name, sweep, target
from chatixia.errors import BadRequest, Conflict, DiskFull, NotFound
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.base import MIB
from tests.lab.disks import small_disk

DATA = b"0123456789" * 1000
INFO = ArtifactInfo(len(DATA), hashlib.sha256(DATA).hexdigest())


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("cat.jpg", "cat.jpg"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\x\\y.txt", "y.txt"),
        ("..", NAMELESS),
        (".", NAMELESS),
        ("", NAMELESS),
        ("/", NAMELESS),
        (".bashrc", "bashrc"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1", "_com1"),
        ("a\x00b\nc", "abc"),
        ("a:b?c*", "a_b_c_"),
        ("x. . ", "x"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("äöü.txt", "äöü.txt"),
    ],
)
def test_a_label_becomes_a_safe_name(label: str, name: str):
    assert safe_name(label) == name


@pytest.mark.parametrize("label", ["x" * 4000, "ä" * 4000 + ".txt", "x." + "y" * 4000])
def test_a_long_label_becomes_a_name_that_fits(label: str, tmp_path: Path):
    (tmp_path / safe_name(label)).write_bytes(b"")
    assert len(safe_name(label).encode()) <= 200


def test_a_file_that_is_there_is_kept(tmp_path: Path):
    (tmp_path / "cat.jpg").write_bytes(b"mine")
    with pytest.raises(Conflict):
        target(tmp_path, "cat.jpg", overwrite=False)
    assert target(tmp_path, "cat.jpg", overwrite=True) == tmp_path / "cat.jpg"
    with pytest.raises(NotFound):
        target(tmp_path / "none" / "x", "cat.jpg", overwrite=False)


def test_a_link_is_not_followed(tmp_path: Path):
    (tmp_path / "cat.jpg").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Conflict):
        target(tmp_path, "cat.jpg", overwrite=False)


def test_a_part_becomes_the_file_when_it_is_whole(tmp_path: Path):
    part = PartFile(INFO, tmp_path / "x", None)
    part.open()
    part.write(DATA[:5000])
    assert not (tmp_path / "x").exists()
    part.write(DATA[5000:])
    part.finish(overwrite=False)
    part.close(keep=False)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == DATA


def test_a_part_in_the_agents_folder_goes_on(tmp_path: Path):
    folder = tmp_path / "parts"
    first = PartFile(INFO, tmp_path / "x", folder)
    first.open()
    first.write(DATA[:5000])
    first.close(keep=True)
    second = PartFile(INFO, tmp_path / "x", folder)
    second.open()
    assert second.offset == 5000
    second.write(DATA[5000:])
    second.finish(overwrite=False)
    second.close(keep=False)
    assert (tmp_path / "x").read_bytes() == DATA
    assert not list(folder.iterdir())


def test_two_saves_at_once_do_not_share_a_part(tmp_path: Path):
    parts = [PartFile(INFO, tmp_path / name, tmp_path / "parts") for name in "xy"]
    for part in parts:
        part.open()
        part.write(DATA)
    for part in parts:
        part.finish(overwrite=False)
        part.close(keep=False)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes() == DATA


def test_bytes_with_another_hash_leave_nothing(tmp_path: Path):
    part = PartFile(INFO, tmp_path / "x", tmp_path / "parts")
    part.open()
    part.write(DATA[:-1] + b"!")
    with pytest.raises(BadRequest, match="SHA-256"):
        part.finish(overwrite=False)
    part.close(keep=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_size_beyond_the_disk_is_refused_before_a_byte_comes(tmp_path: Path):
    info = ArtifactInfo(2**52, INFO.sha256)
    part = PartFile(info, tmp_path / "x", None)
    with pytest.raises(DiskFull):
        part.open()
    part.close(keep=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.root
def test_a_file_that_has_no_room_at_its_place_is_refused_though_its_part_would_fit(tmp_path: Path):
    info = ArtifactInfo(2 * MIB, INFO.sha256)
    with small_disk(tmp_path / "small", MIB) as small:
        part = PartFile(info, small / "x", tmp_path / "parts")
        with pytest.raises(DiskFull, match="no room for x"):
            part.open()
        part.close(keep=True)
    assert not list((tmp_path / "parts").iterdir())


def test_a_full_disk_leaves_no_half_file(tmp_path: Path):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    part = PartFile(INFO, tmp_path / "x", tmp_path / "parts")
    part.open()
    part._file.close()
    part._file = full.open("wb", buffering=0)
    with pytest.raises(DiskFull):
        part.write(DATA)
    part.close(keep=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_parts_that_nobody_goes_on_with_are_removed(tmp_path: Path):
    old, new = (f".{digit * 40}.part" for digit in "01")
    for name in (old, new, "old.txt"):
        (tmp_path / name).write_bytes(b"x")
    os.utime(tmp_path / old, (0, 0))
    os.utime(tmp_path / "old.txt", (0, 0))
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [new, "old.txt"]


@pytest.mark.parametrize("parts", [None, "parts"])
def test_what_a_killed_process_left_in_a_users_folder_goes_with_the_next_save_there(
    tmp_path: Path, parts: str | None
):
    left = [f".{'a' * 40}.4711.140.part", f".{'b' * 40}.4711.part"]
    others = [".film.mkv.part", f".{'c' * 40}.partial", f"{'d' * 40}.part"]
    for name in (*left, *others):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (0, 0))
    PartFile(INFO, tmp_path / "x", tmp_path / parts if parts else None).close(keep=False)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == set(others)
