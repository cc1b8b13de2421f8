"""The shared options reach the command, and talk never mixes with data."""

import logging

import click
import pytest

from chatixia.cli.common import Talk, common, set_up_logging, wait
from chatixia.cli.failure import guarded


@click.command()
@common
def speak(talk: Talk) -> None:
    talk.say("talk")
    talk.data("thing", {"n": 1}, "data")


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        ([], "data\n", "talk\n"),
        (["-q"], "data\n", ""),
        (["--json"], '{"v":1,"kind":"thing","n":1}\n', "talk\n"),
        (["--json", "-q", "--mesh", "x"], '{"v":1,"kind":"thing","n":1}\n', ""),
    ],
)
def test_voices(words, out, err, capsys):
    assert guarded(speak, words) == 0
    assert capsys.readouterr() == (out, err)


@pytest.mark.parametrize(
    ("verbose", "name", "level"),
    [(0, "", logging.WARNING), (1, "", logging.INFO), (2, "", logging.DEBUG), (0, "error", 40)],
)
def test_log_level(verbose, name, level, monkeypatch):
    monkeypatch.setenv("CHATIXIA_LOG", name)
    set_up_logging(verbose)
    assert logging.getLogger("chatixia").level == level


def test_a_wrong_level_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("CHATIXIA_LOG", "loud")
    assert guarded(speak, []) == 2
    assert "debug, info" in capsys.readouterr().err


def test_wait_returns_what_was_awaited():
    async def work() -> int:
        return 7

    assert wait(work()) == 7
