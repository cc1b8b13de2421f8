"""The socket's place: private, freed of what is dead, never of what lives or is another's."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chatixia.errors import AlreadyRunning, BadRequest, ConfigError
from chatixia.sidecar import sockets


def test_a_socket_that_nobody_listens_at_is_replaced(tmp_path: Path):
    path = tmp_path / "s.sock"
    dead = sockets.listen_unix(path)
    with pytest.raises(AlreadyRunning):
        sockets.listen_unix(path)
    dead.close()
    again = sockets.listen_unix(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again.close()


def test_what_is_no_socket_stays(tmp_path: Path):
    path = tmp_path / "letter.txt"
    path.write_text("dear")
    for act in (sockets.listen_unix, sockets.free):
        with pytest.raises(ConfigError):
            act(path)
    assert path.read_text() == "dear"
    with pytest.raises(BadRequest):
        sockets.read_address(path)
    with pytest.raises(ConfigError, match="too long"):
        sockets.listen_unix(tmp_path / ("x" * 120))
    with pytest.raises(ConfigError):
        sockets.listen_unix(tmp_path / "none" / "s.sock")


def test_the_file_that_leads_to_a_port(tmp_path: Path):
    path = tmp_path / "s"
    sockets.write_address(path, sockets.TcpAddress(7, "t"))
    sockets.write_address(path, sockets.TcpAddress(8, "u"))  # the one before is dead
    assert sockets.read_address(path) == sockets.TcpAddress(8, "u")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server = sockets.listen_tcp()
    assert server.getsockname()[0] == "127.0.0.1"
    server.close()


def test_who_is_at_the_other_end(monkeypatch: pytest.MonkeyPatch):
    ours, theirs = socket.socketpair()
    assert sockets.peer_uid(ours) == os.geteuid()
    monkeypatch.setattr(sockets.sys, "platform", "plan9")
    assert sockets.peer_uid(ours) is None
    ours.close()
    theirs.close()


def test_a_private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place = sockets.private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(ConfigError, match="another user"):
        sockets.private_folder(place)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError):
        sockets.private_folder(tmp_path / "file" / "x")


@pytest.mark.parametrize("find", [sockets.private_folder, sockets.socket_folder])
def test_a_folder_in_which_everybody_writes_is_refused(tmp_path: Path, find: Any):
    """Another user would put a socket of his in the place of this one, and hear the agent."""
    place = find(tmp_path / "own")
    place.chmod(0o777)
    with pytest.raises(ConfigError, match="chmod o-w"):
        find(place)
    for mode in (0o1777, 0o775, 0o700):
        place.chmod(mode)
        assert find(place) == place


def test_a_folder_that_is_shared_keeps_each_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = sockets.socket_folder(tmp_path / "own")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.raises(ConfigError, match="another user"):
        sockets.socket_folder(place)
    if os.getuid() == 0:
        os.chown(place, 4243, -1)
    place.chmod(0o1777)  # its owner may remove what is another's there
    with pytest.raises(ConfigError, match="another user"):
        sockets.socket_folder(place)
    shared = Path("/tmp")
    if shared.is_dir() and shared.stat().st_uid == 0 and shared.stat().st_mode & stat.S_ISVTX:
        assert sockets.socket_folder(shared) == shared


def test_only_this_user_is_own(monkeypatch: pytest.MonkeyPatch):
    ours, theirs = socket.socketpair()
    transport: Any = SimpleNamespace(get_extra_info=lambda name: ours)
    assert sockets.is_own(transport)
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert not sockets.is_own(transport)
    ours.close()
    theirs.close()


def test_where_nothing_can_be_made_is_seen_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "own" / "s.sock"
    sockets.check(path)
    assert path.parent.is_dir() and not path.exists()
    sockets.check(tmp_path / ("x" * 120), tcp=True)  # a file may have such a name
    listener = sockets.listen_unix(path)
    with pytest.raises(AlreadyRunning):
        sockets.check(path)
    listener.close()
    monkeypatch.setattr(os, "access", lambda place, mode: False)  # who is root may write anywhere
    with pytest.raises(ConfigError, match="Nothing can be made in .*; name another place"):
        sockets.check(path, shared=True)
