"""Sentences that hold a word from elsewhere read as English."""

from __future__ import annotations

import pytest

from chatixia.core.wording import with_article


@pytest.mark.parametrize(
    ("noun", "text"), [("object", "an object"), ("dict", "a dict"), ("Image", "an Image")]
)
def test_an_article(noun: str, text: str):
    assert with_article(noun) == text
