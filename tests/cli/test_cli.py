"""The command as a process: what a shell sees of it."""

import os
import subprocess
import sys

import pytest

from chatixia.cli import main

MODULE = (sys.executable, "-m", "chatixia.cli")


def typed(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MODULE, *words], capture_output=True, text=True, timeout=60, env={**os.environ, **env}
    )


@pytest.mark.parametrize(
    ("words", "code"), [(["--version"], 0), ([], 0), (["nothing"], 2), (["init", "No Good"], 2)]
)
def test_exit_codes(tmp_path, words, code):
    done = typed(*words, CHATIXIA_HOME=str(tmp_path))
    assert done.returncode == code
    assert (done.stderr == "") == (code == 0)


def test_no_mesh_names_the_cure(tmp_path):
    done = typed("agents", CHATIXIA_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "`chatixia up`" in done.stderr and "`chatixia join`" in done.stderr


def test_no_registry_is_unreachable(tmp_path):
    from chatixia.assembly.profile.profile import Profile

    Profile.create(home=tmp_path)
    done = typed("keys", CHATIXIA_HOME=str(tmp_path))
    assert done.returncode == 3
    assert "`chatixia up`" in done.stderr


def test_main_is_the_entry_point(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["chatixia", "--version"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("chatixia ")
