"""A real registry per test, in this process; whoever was enrolled is closed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chatixia.testing.registry import RegistryHarness
from tests.registry.doors import OPENED


@pytest.fixture
async def registry() -> AsyncIterator[RegistryHarness]:
    async with RegistryHarness() as running:
        yield running
        while OPENED:
            await OPENED.pop()()
