"""A real registry for commands that need one, and the command line as a function."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatixia.cli.failure import guarded
from chatixia.cli.group import chatixia
from chatixia.testing.registry import RegistryProcess


@pytest.fixture(autouse=True)
def logger_as_it_was() -> Iterator[None]:
    """Commands run in this process set the log's level; other tests must still read the log."""
    logger = logging.getLogger("chatixia")
    level, handlers = logger.level, logger.handlers[:]
    yield
    logger.setLevel(level)
    logger.handlers[:] = handlers


class Typed:
    """What a command printed, and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty CHATIXIA_HOME."""
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def type_(capsys: pytest.CaptureFixture[str]) -> Any:
    """``type_("agents", "--json")``: run a command line in this process."""

    def typed(*words: str) -> Typed:
        capsys.readouterr()
        code = guarded(chatixia, words)
        return Typed(code, *capsys.readouterr())

    return typed


@pytest.fixture
def registry(home: Path) -> Iterator[RegistryProcess]:
    """A registry in a process of its own; its user's profile is the one in force."""
    made = RegistryProcess(home)
    made.start()
    yield made
    made.terminate()


@pytest.fixture
def open_registry(home: Path) -> Iterator[RegistryProcess]:
    """One that lets described agents in."""
    running = RegistryProcess(home, compat=True)
    running.start()
    yield running
    running.terminate()
