"""Turning a machine away: it hears so at once."""

from __future__ import annotations

from .pairing import described, machine


def test_the_machine_hears_of_it(registry, type_, tmp_path):
    with machine(registry, tmp_path / "pi") as ended:
        assert "rejected  pi" in type_("reject", "pi").err
    assert ended == ["The owner of the mesh rejected pi."]


def test_nobody_of_that_name(registry, type_):
    done = type_("reject", "pi")
    assert done.code == 1 and "chatixia pending" in done.err


def test_a_described_agent_is_turned_away(open_registry, type_):
    entry = described(open_registry)
    assert f"rejected  {entry.peer_id}" in type_("reject", entry.peer_id).err
    assert type_("reject", entry.peer_id).code == 1
    assert type_("pending", "--json").json["described"] == []
