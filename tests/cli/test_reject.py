"""Turning a machine away: it hears so at once."""

from __future__ import annotations

from .pairing import machine


def test_the_machine_hears_of_it(registry, type_, tmp_path):
    with machine(registry, tmp_path / "pi") as ended:
        assert "rejected  pi" in type_("reject", "pi").err
    assert ended == ["The owner of the mesh rejected pi."]


def test_nobody_of_that_name(registry, type_):
    done = type_("reject", "pi")
    assert done.code == 1 and "chatixia pending" in done.err
