"""Credentials of hosts: private files, one for each name, read anew for each request."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatixia.assembly.mcp import tokens
from chatixia.assembly.profile.profile import Profile
from chatixia.errors import ConfigError


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile.create("home", home=tmp_path, machine="laptop")


def test_a_token_is_made_once_and_is_private(profile: Profile):
    first = tokens.token(profile, "desk")
    assert len(first) >= 40
    assert tokens.token(profile, "desk") == first
    assert tokens.token(profile, "other") != first
    path = tokens.folder(profile) / "desk.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_one_that_was_removed_holds_no_more(profile: Profile):
    made = {name: tokens.token(profile, name) for name in ("desk", "other")}
    assert tokens.tokens(profile) == made
    (tokens.folder(profile) / "desk.token").unlink()
    assert tokens.tokens(profile) == {"other": made["other"]}


def test_a_file_is_read_once_until_it_changes(profile: Profile, monkeypatch: pytest.MonkeyPatch):
    made = {name: tokens.token(profile, name) for name in ("desk", "other")}
    reads = []
    read = tokens._read
    monkeypatch.setattr(tokens, "_read", lambda path: (reads.append(path.name), read(path))[1])
    held = tokens.HostTokens(profile)
    assert held.current() == made == held.current()
    assert reads == ["desk.token", "other.token"]
    (tokens.folder(profile) / "desk.token").write_text("another")
    assert held.current() == {**made, "desk": "another"}
    (tokens.folder(profile) / "other.token").unlink()
    assert held.current() == {"desk": "another"}
    assert reads == ["desk.token", "other.token", "desk.token"]


def test_before_one_is_made_there_is_none(profile: Profile):
    assert tokens.HostTokens(profile).current() == {}


def test_an_empty_file_and_a_broken_one_let_nobody_in(profile: Profile):
    tokens.token(profile, "desk")
    (tokens.folder(profile) / "empty.token").write_text("")
    (tokens.folder(profile) / "odd.token").write_bytes(b"\xff\xff")
    assert list(tokens.tokens(profile)) == ["desk"]


@pytest.mark.parametrize("name", ["", "../x", "A", "a b", "x" * 57])
def test_names_that_are_none(profile: Profile, name: str):
    with pytest.raises(ConfigError, match="cannot name a host"):
        tokens.token(profile, name)


def test_there_is_a_bound(profile: Profile, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "MOST", 2)
    for name in "ab":
        tokens.token(profile, name)
    with pytest.raises(ConfigError, match="2 tokens"):
        tokens.token(profile, "c")
    assert tokens.token(profile, "a")
