"""Keys and state go with an agent's name from folder to folder."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

import pytest

from chatixia.assembly.membership import agent_folder
from chatixia.assembly.membership.enrol import enrol
from chatixia.assembly.profile.profile import Profile
from chatixia.core.ports import Pin
from chatixia.errors import ConfigError
from chatixia.wire.registry import Serial


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile.create(home=tmp_path / "home", machine="laptop")


def key(profile: Profile, data_dir: Path | None = None) -> bytes:
    """Start and stop the agent there; its key."""
    made = enrol(profile, "hen", data_dir=data_dir, ask_registry=lambda p, n: Serial(n))
    made.close()
    return made.sign.public


def held(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()} - {"lock", "folder.json"}


def test_one_key_whatever_folder_it_starts_from(profile: Profile, tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    first = key(profile, one)
    for place in (two, None, one, None):
        assert key(profile, place) == first
    assert held(one) == held(two) == set(), "one key lies in one place"
    for name in ("sign.key", "local.db"):
        mode = (profile.agent_dir("hen") / name).stat().st_mode
        assert stat.S_IMODE(mode) == 0o600


def test_a_folder_whose_name_is_no_text_is_noted(profile: Profile, tmp_path: Path):
    """A name in another encoding, or any name beside ASCII where the locale knows no other."""
    odd = tmp_path / os.fsdecode(b"f\xe9 %41")
    for folder in (odd, tmp_path / "f\u00e9 %41"):
        noted = agent_folder._text(folder)
        assert not any("\ud800" <= letter <= "\udfff" for letter in noted)
        assert agent_folder._path(noted) == folder
    if sys.platform == "linux":  # others take no such name
        first = key(profile, odd)
        assert key(profile) == first and key(profile, odd) == first


def test_what_it_knows_comes_along(profile: Profile, tmp_path: Path):
    made = enrol(profile, "hen", ask_registry=lambda p, n: Serial(n))
    pin = Pin("default", "fox", "agent", b"s" * 32, b"e" * 32, 1, b"m" * 32, "pi", 0, 0)
    made.store.keep([pin])
    assert made.folder is not None
    (made.folder / "inbox.jsonl").write_text("hello")
    made.close()
    again = enrol(profile, "hen", data_dir=tmp_path, ask_registry=lambda p, n: Serial(n))
    assert again.store.pin("default", "fox") == pin
    assert again.folder is not None
    assert (again.folder / "inbox.jsonl").read_text() == "hello"
    again.close()


def test_a_copied_folder_is_the_same_agent(profile: Profile, tmp_path: Path):
    first = key(profile, tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert key(profile, tmp_path / "two") == first
    assert key(profile, tmp_path / "one") == first


def test_a_renamed_folder_takes_its_key_along(profile: Profile, tmp_path: Path):
    first = key(profile, tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "two")
    assert key(profile, tmp_path / "two") == first


def test_a_key_from_before_the_note(profile: Profile, tmp_path: Path):
    """The folder whose record is newer has the key that peers know."""
    old = key(profile, tmp_path / "one")
    (profile.agent_dir("hen") / agent_folder.NOTE).unlink()
    shutil.rmtree(tmp_path / "one")
    new = key(profile)
    assert new != old
    (profile.agent_dir("hen") / agent_folder.NOTE).unlink()
    assert key(profile, tmp_path / "one") == new


def test_an_outdated_record_is_signed_again(profile: Profile, tmp_path: Path):
    """A key that another one has followed would be refused as `name_taken` for ever."""
    first = key(profile, tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    shutil.rmtree(tmp_path / "one")
    assert key(profile, tmp_path / "three") != first
    shutil.rmtree(tmp_path / "three")
    made = enrol(profile, "hen", data_dir=tmp_path / "two", ask_registry=lambda p, n: Serial(n))
    made.close()
    assert (made.sign.public, made.record.serial) == (first, 3)


def test_a_crash_on_the_way_loses_nothing(
    profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = key(profile, tmp_path / "one")
    with monkeypatch.context() as patch:

        def crash(*_: object) -> None:
            raise OSError(28, os.strerror(28))

        patch.setattr(agent_folder, "_private_copy", crash)
        with pytest.raises(ConfigError, match=r"key is in .*one.* No space left on device\."):
            key(profile, tmp_path / "two")
    assert key(profile, tmp_path / "two") == first
