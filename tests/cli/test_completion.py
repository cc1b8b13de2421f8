"""Completion scripts, and what a shell gets when it asks."""

import json

import pytest

from chatixia.cli.failure import guarded
from chatixia.cli.group import COMMANDS, chatixia


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell, capsys):
    assert guarded(chatixia, ["completion", shell]) == 0
    out = capsys.readouterr().out
    assert f"chatixia completion {shell}" in out
    assert "_CHATIXIA_COMPLETE" in out


def test_json(capsys):
    assert guarded(chatixia, ["completion", "bash", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shell"] == "bash"


def test_a_shell_is_answered(capsys, monkeypatch):
    monkeypatch.setenv("_CHATIXIA_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "chatixia ")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert guarded(chatixia, []) == 0
    offered = {line.partition(",")[2] for line in capsys.readouterr().out.splitlines()}
    assert offered == set(COMMANDS)
