"""The verbs of the described pairing are a part of the one table."""

from __future__ import annotations

from chatixia.wire.device_verbs import BASE, DEVICE_VERBS
from chatixia.wire.verbs import BY_NAME


def test_each_stands_in_the_table_under_its_name():
    assert all(BY_NAME[verb.name] is verb for verb in DEVICE_VERBS)
    assert all(verb.path.startswith(BASE) and not verb.ws for verb in DEVICE_VERBS)


def test_who_approves_is_owner_or_admin():
    acting = [verb for verb in DEVICE_VERBS if "{id}" in verb.path]
    assert {verb.callers for verb in acting} == {("owner", "person")}
    assert {verb.role for verb in acting} == {"admin"}
