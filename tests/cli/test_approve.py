"""Approving: by a key that is typed, or by a comparison at a terminal."""

from __future__ import annotations

import re

from .pairing import described, machine, waiting


def test_by_the_key_that_pair_shows(registry, type_, tmp_path):
    with machine(registry, tmp_path / "pi") as ended:
        wrong = type_("approve", "pi", "--key", "0000-0000-0000-0000")
        assert wrong.code == 4 and "somebody stands between" in wrong.err
        assert len(wrong.err.strip().splitlines()) == 1
        assert type_("approve", "pi").code == 2, "without a terminal the key must be given"
        done = type_("approve", "pi", "--key", waiting(registry).key, "--days", "1", "--json")
        assert done.code == 0 and done.json["replaced"] is False
    assert ended == ["pi"]
    assert type_("approve", "pi", "--key", "0000-0000-0000-0000").code == 1


def test_at_a_terminal_it_asks(registry, type_, tmp_path, monkeypatch):
    monkeypatch.setattr("chatixia.cli.approve.at_terminal", lambda: True)
    with machine(registry, tmp_path / "pi") as ended:
        key = waiting(registry).key
        monkeypatch.setattr("click.confirm", lambda text, **more: False)
        refused = type_("approve", "pi")
        assert refused.code == 4 and "chatixia reject pi" in refused.err
        assert re.search(rf"machine  pi  key {key}", refused.err)
        monkeypatch.setattr("click.confirm", lambda text, **more: True)
        done = type_("approve", "pi", "--agents", "w-*")
        assert done.code == 0 and "approved  pi" in done.err
    assert ended == ["pi"]


def test_a_described_agent_gets_its_token_once(open_registry, type_):
    entry = described(open_registry)
    assert type_("approve", entry.peer_id, "--days", "1").code == 2, "it has no membership"
    done = type_("approve", entry.peer_id)
    assert re.fullmatch(r"dt_[0-9a-f]{32}\n", done.out), done.err
    assert f"compat: [{entry.peer_id}]" in done.err and "unverified" in done.err
    assert type_("approve", entry.peer_id).code == 1
    by_number = described(open_registry, "Other")
    shown = type_("approve", by_number.id, "--json").json
    assert (shown["peer_id"], shown["device_token"][:3]) == (by_number.peer_id, "dt_")
    assert "dt_" not in type_("pending", "--json").out
