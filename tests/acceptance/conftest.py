"""Acceptance tests: real processes, real sockets, and the plug pulled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.harness import TestMesh
from tests.lab.procs import Procs

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lies here is an acceptance test."""
    for item in items:
        if HERE in Path(item.fspath).parents:
            item.add_marker(pytest.mark.acceptance)


@pytest.fixture
def net(procs: Procs) -> Iterator[TestMesh]:
    """A mesh to build up: ``net.up()``, ``net.worker("a")``, ``net.client()``."""
    yield TestMesh(procs)
