"""Without the extra there is one sentence with the line that installs it."""

from __future__ import annotations

import pytest

from chatixia.assembly.mcp import extra
from chatixia.errors import MissingExtra


def test_it_is_here():
    extra.needed()


def test_a_missing_part_names_the_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(extra, "PARTS", ("no_such_part",))
    with pytest.raises(MissingExtra, match=r"\.\[mcp\]"):
        extra.needed()
