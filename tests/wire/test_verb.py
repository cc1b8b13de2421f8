"""A verb's defaults are the safe ones."""

from __future__ import annotations

from chatixia.wire.registry import Nothing
from chatixia.wire.verb import Verb


def test_what_a_row_does_not_say_is_the_strictest():
    verb = Verb("x", Nothing, Nothing, ("person",), "GET", "/x")
    assert verb.role == "admin" and not verb.audited and verb.limit == 64 * 1024
