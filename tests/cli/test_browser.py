"""Browsers by a short name, the same as on the hub's page; what is none is cut."""

from __future__ import annotations

import pytest

from chatixia.cli.browser import MOST, browser_name

BLINK = "Chrome/141.0.0.0 Safari/537.36"
GECKO = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (GECKO, "Firefox 140, Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} {BLINK} Edg/141.0.0.0", "Edge 141, Windows"),
        (f"Mozilla/5.0 {WEBKIT} HeadlessChrome/141.0.0.0 Safari/537.36", "Chrome 141"),
        (f"Mozilla/5.0 (iPhone; CPU like Mac OS X) {WEBKIT} Version/26.0", "Safari 26, iPhone"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 200, "x" * MOST),
        ("Firefox/", "Firefox/"),
        ("", "-"),
    ],
)
def test_its_short_name(words: str, name: str):
    assert browser_name(words) == name
