"""The parts of trust share what they must and answer their verbs."""

from __future__ import annotations

from chatixia.testing.registry import RegistryHarness
from chatixia.wire.verbs import BY_NAME


async def test_they_answer_verbs_of_the_table_each_once(registry: RegistryHarness):
    trust = registry.running.service.trust
    parts = (
        trust.gate,
        trust.keys,
        trust.logins,
        trust.people,
        trust.joining,
        trust.pairing,
        trust.devices,
        trust.delegation,
        trust.confirming,
        trust.owners,
        trust.leaving,
    )
    names = [name for part in parts for name in part.handlers]
    assert len(names) == len(set(names)) and set(names) == set(trust.handlers)
    assert set(names) <= set(BY_NAME)
