"""Each id of a path must be named, and proved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatixia.core.callers import PROVED, UNPROVED, all_named, carried, speaker, stranger
from chatixia.ids import is_peer_id

NAMES = ("laptop", "ada", "weather", "mcp:desk")
names = st.sampled_from([*NAMES, "laptop~abcdef", "ada~zzzzzz"])


@pytest.mark.parametrize(
    ("name", "whose"),
    [("laptop~abcdef", "laptop"), ("laptop", "laptop"), ("mcp:desk", "mcp:desk")],
)
def test_a_client_counts_as_its_machine(name: str, whose: str):
    assert speaker(name) == whose


@given(st.lists(names), st.sampled_from(sorted(PROVED)), st.sets(st.sampled_from(NAMES)))
def test_a_longer_path_never_gives_a_right(path: list[str], via: str, callers: set[str]):
    allowed = all_named(path, via, callers)
    assert allowed == (bool(path) and {speaker(name) for name in path} <= callers)
    for name in NAMES:
        assert all_named([*path, name], via, callers) <= (allowed or not path)
        assert all_named([name, *path], via, callers) <= (allowed or not path)


@pytest.mark.parametrize("via", ["", "queue, plain", "queue, sealed", "registry, plain", "Direct"])
def test_what_no_link_proved_is_nobodys(via: str):
    assert all_named(["laptop"], "direct", {"laptop"})
    assert not all_named(["laptop"], via, {"laptop"})
    assert "proves no key" in stranger(["laptop"], via, {"laptop"})


def test_what_is_not_proved_stays_so_from_hop_to_hop():
    path = ("laptop", "ada")
    assert carried(path, "relay") == path
    once = carried(path, "queue, plain")
    assert once == (*path, UNPROVED)
    assert not all_named((*once, "ada"), "direct", {"laptop", "ada"})
    assert not is_peer_id(UNPROVED)


def test_the_stranger_is_named():
    assert stranger(["laptop~abcdef", "ada"], "relay", {"laptop"}) == "ada"
    assert stranger(["eve~abcdef", "laptop"], "relay", {"laptop"}) == "eve"
    assert stranger([], "direct", {"laptop"}) == "a caller without a name"


def test_no_path_has_no_rights():
    assert not all_named([], "direct", {"laptop", ""})
