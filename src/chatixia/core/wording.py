"""Small rules of English for sentences that hold a word from elsewhere."""

from __future__ import annotations


def with_article(noun: str) -> str:
    """``noun`` behind its indefinite article: ``a dict``, ``an object``."""
    return f"an {noun}" if noun[:1].lower() in set("aeiou") else f"a {noun}"
