"""Addresses of resources: which are one, and what varies in them."""

from __future__ import annotations

import pytest

from chatixia.core.resource_addresses import address_problem, variables


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("notes://today", []),
        ("notes://{day}", ["day"]),
        ("urn:x:{a}:{b}", ["a", "b"]),
        ("test://template/{id}/data?q=%20", ["id"]),
    ],
)
def test_a_uri_with_variables(address: str, names: list[str]):
    assert address_problem(address) == ""
    assert variables(address) == names


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "no URI"),
        ("notes", "no URI"),
        ("Notes://x", "no URI"),
        ("notes:", "no URI"),
        ("notes://{day", "no URI"),
        ("notes://{+day}", "no URI"),
        ("notes://a b", "no URI"),
        ("notes://\n", "no URI"),
        ("notes://ä", "no URI"),
        ("notes://{a}{b}", "something between"),
        ("notes://{a}/{a}", "stands once"),
        ("file:///etc/passwd", "of something else"),
        ("https://intern.example/{x}", "of something else"),
        ("mesh://agents/other/card", "of something else"),
    ],
)
def test_what_is_none(address: str, problem: str):
    assert problem in address_problem(address)
