"""What the owner says to the registry."""

from __future__ import annotations


def test_the_list_is_confirmed(registry, type_):
    done = type_("registry", "confirm", "--json")
    assert done.code == 0 and done.json["version"] == 0 and done.json["issued"] > 0
    assert "confirmed  version 0 of the revocation list" in done.err


def test_without_a_mesh(home, type_):
    done = type_("registry", "confirm")
    assert done.code == 2 and "`chatixia up`" in done.err
