"""What is store for a caller is that caller's alone, and bounded for each."""

from __future__ import annotations

import pytest

from chatixia.client.artifact import Artifact
from chatixia.errors import NotFound
from chatixia.gateway.mcp import resource_store
from chatixia.gateway.mcp.resource_store import MOST_CALLERS, MOST_EACH, ResourceStore


def test_another_caller_finds_nothing():
    store = ResourceStore()
    one = store.result("ann", "tool", '"plum"')
    assert store.get("ann", one.uri).text == '"plum"'
    for caller in ("bob", "", "mcp:ann"):
        with pytest.raises(NotFound):
            store.get(caller, one.uri)


def test_the_oldest_go_and_only_ones_own():
    store = ResourceStore()
    others = store.result("bob", "tool", "1")
    first = store.artifact("ann", Artifact.of(b"x", name="x.txt"))
    for n in range(MOST_EACH):
        store.result("ann", "tool", str(n))
    with pytest.raises(NotFound):
        store.get("ann", first.uri)
    assert store.get("bob", others.uri)


def test_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resource_store, "MOST_BYTES", 100)
    store = ResourceStore()
    made = [store.result("ann", "tool", "x" * 40) for _ in range(5)]
    assert store.get("ann", made[-2].uri)
    with pytest.raises(NotFound):
        store.get("ann", made[-3].uri)
    large = store.result("ann", "tool", "x" * 1000)
    assert store.get("ann", large.uri)


def test_callers_are_bounded():
    store = ResourceStore()
    one = store.result("first", "tool", "1")
    for n in range(MOST_CALLERS):
        store.result(f"n{n}", "tool", "1")
    with pytest.raises(NotFound):
        store.get("first", one.uri)
