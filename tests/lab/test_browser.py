"""The browser of the page tests: it starts, and what it may not do is seen."""

import asyncio
from typing import Any

import pytest

from tests.conftest import foreign

pytestmark = pytest.mark.browser


def test_a_page_opens(page: Any):
    page.set_content("<h1>mesh</h1>")
    assert page.locator("h1").inner_text() == "mesh"


def test_a_foreign_request_is_known():
    assert foreign("https://198.51.100.1/x.js") and foreign("wss://else.where/")
    assert not foreign("http://127.0.0.1:8080/") and not foreign("data:text/html,x")


async def test_asyncio_works_after_a_page():
    """Playwright's loop must be gone when its test ends."""
    await asyncio.sleep(0)
