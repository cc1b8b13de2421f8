"""The shared options reach the command, and talk never mixes with data."""

import logging
from types import SimpleNamespace

import click
import pytest

from chatixia.cli import common as common_
from chatixia.cli.common import Console, common, in_mesh, set_up_logging, wait
from chatixia.cli.failure import guarded
from chatixia.world import REAL


@click.command()
@common
def speak(console: Console) -> None:
    console.say("talk")
    console.data("thing", {"n": 1}, "data")


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


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("agents",),
        ("tasks",),
        ("ping", "anna"),
        ("ask", "anna", "hi"),
        ("call", "anna", "echo"),
        ("call", "anna", "echo", "--timeout", "0.2"),
    ],
)
def test_a_registry_that_is_down_is_said_soon(registry, type_, monkeypatch, words):
    registry.terminate()
    monkeypatch.setattr(common_, "PATIENCE_S", 0.3)
    monkeypatch.setattr("chatixia.assembly.connect.ONLINE_S", 600.0)
    began = REAL.monotonic()
    said = type_(*words)
    assert REAL.monotonic() - began < 30
    assert said.code == 3, said.err
    assert "No registry runs at" in said.err and "`chatixia up`" in said.err


def test_a_timeout_holds_for_all_of_a_command(monkeypatch):
    given = []

    class Connecting:
        def __init__(self, **how):
            given.append(how)
            self.mesh = SimpleNamespace(within=lambda seconds: given.append(seconds))

        async def __aenter__(self):
            return self.mesh

        async def __aexit__(self, *_):
            pass

    monkeypatch.setattr("chatixia.assembly.connect.connect", Connecting)

    async def work(mesh):
        return mesh

    console = Console(False, False, 0, "x")
    in_mesh(console, work, 2.0)
    assert (given[0]["timeout"], given[0]["patience"]) == (2.0, common_.PATIENCE_S)
    assert 0 < given[1] <= 2.0
    in_mesh(console, work, 60.0)
    assert given[2]["timeout"] == 10.0 and given[3] > 59
    assert in_mesh(console, work) is not None


@pytest.mark.parametrize(
    "line",
    [
        "approve |",
        "reject |",
        "revoke |",
        "keys revoke |",
        "owners add | KEY",
        "owners revoke |",
        "people add |",
        "people role | viewer",
        "people remove |",
        "people sessions | --end-all",
        "people sessions --end |",
    ],
)
def test_a_name_that_is_empty_names_nobody(home, type_, line: str):
    """As of a variable that is not set: all, or who comes first, is not meant."""
    done = type_(*("" if word == "|" else word for word in line.split()))
    assert done.code == 2 and "it is empty, and names nobody" in done.err, done
