"""The login link goes to a terminal, never into a pipe."""

import os
import pty
import subprocess
import sys


def test_no_link_into_a_pipe(registry, type_):
    done = type_("hub", "--no-open")
    assert done.code == 2
    assert "#" not in done.out + done.err


def test_a_terminal_gets_it(registry):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "chatixia.cli", "hub", "--no-open"]
    done = subprocess.run(
        command, stdout=theirs, stderr=subprocess.PIPE, env=os.environ, timeout=30
    )
    os.close(theirs)
    link = os.read(ours, 4096).decode().strip()
    os.close(ours)
    assert done.returncode == 0
    assert link.startswith(f"{registry.url}/#")


def test_an_object_on_a_terminal_has_it_and_one_in_a_pipe_has_not(registry, type_, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda _link: True)
    assert type_("hub", "--json").json == {"v": 1, "kind": "hub", "opened": True}
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    found = type_("hub", "--json", "--no-open").json
    assert found["url"].startswith(f"{registry.url}/#")
    assert not found["opened"]


def test_elsewhere_it_says_where(registry, type_, tmp_path, monkeypatch):
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "there"))
    type_("join", string)
    done = type_("hub")
    assert (done.code, "`chatixia up`" in done.err) == (2, True)
