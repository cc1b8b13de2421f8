"""`run` tells when an agent is online, and refuses a target that is none."""

import json
import os

import pytest

from chatixia.cli.common import Console
from chatixia.cli.run import tell

BANNER = "  weather  online  skills: forecast  key 7f3a-91c2  registry home (127.0.0.1:8080)"


def test_the_line(capsys):
    tell(Console(False, False, 0, ""), BANNER)
    assert capsys.readouterr() == ("", BANNER + "\n")
    tell(Console(True, True, 0, ""), BANNER)
    said = json.loads(capsys.readouterr().out)
    assert (said["kind"], said["agent"], said["state"]) == ("agent", "weather", "online")


@pytest.mark.parametrize("target", ["nothing-here", "no.such.module:agent"])
def test_targets_that_are_none(type_, home, target):
    done = type_("run", target)
    assert (done.code, done.err.count("\n")) == (2, 1)


def test_an_empty_folder(type_, home, tmp_path):
    assert "`chatixia init`" in type_("run", str(tmp_path)).err


def test_a_level_in_dot_env_counts(type_, home, tmp_path, monkeypatch):
    monkeypatch.setenv("CHATIXIA_LOG", "")
    monkeypatch.delenv("CHATIXIA_LOG")
    (tmp_path / "agent.yaml").write_text("name: a")
    (tmp_path / ".env").write_text("CHATIXIA_LOG=loud")
    try:
        done = type_("run", str(tmp_path))
    finally:
        os.environ.pop("CHATIXIA_LOG", None)
    assert (done.code, "CHATIXIA_LOG is loud" in done.err) == (2, True)
