"""Small private files: whole or not at all, and one sentence for what cannot be read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from chatixia.assembly.profile import files
from chatixia.errors import ConfigError


def test_written_whole_and_private(tmp_path: Path):
    before = os.umask(0)
    try:
        files.write_json(tmp_path / "a.json", {"x": [1, 2]})
        files.private_dir(tmp_path / "deep" / "er")
    finally:
        os.umask(before)
    assert files.read_json(tmp_path / "a.json", dict[str, list[int]]) == {"x": [1, 2]}
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "deep" / "er").stat().st_mode) == 0o700
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "deep"]


def test_written_over_another(tmp_path: Path):
    files.write_private(tmp_path / "a", b"long" * 99)
    files.write_private(tmp_path / "a", b"short")
    assert (tmp_path / "a").read_bytes() == b"short"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"x": "y"}', b"[" * 9999])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, data: bytes):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(ConfigError, match=r"a\.json is damaged"):
        files.read_json(tmp_path / "a.json", dict[str, int])


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MAX_FILE", 10)
    (tmp_path / "a.json").write_bytes(b"[" + b" " * 20 + b"]")
    with pytest.raises(ConfigError, match="larger"):
        files.read_json(tmp_path / "a.json", list[int])


def test_a_missing_file_is_its_own_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        files.read_json(tmp_path / "a.json", list[int])


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        files.write_private(tmp_path / "file" / "a", b"")
    with pytest.raises(ConfigError, match="cannot be created"):
        files.private_dir(tmp_path / "file" / "a")
    with pytest.raises(ConfigError, match="cannot be read"):
        files.read_json(tmp_path, list[int])
