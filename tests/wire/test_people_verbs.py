"""The verbs of people are a part of the one table."""

from __future__ import annotations

from chatixia.wire.people_verbs import PEOPLE_VERBS
from chatixia.wire.verbs import BY_NAME


def test_each_stands_in_the_table_under_its_name():
    assert all(BY_NAME[verb.name] is verb for verb in PEOPLE_VERBS)
    families = {verb.name.partition(".")[0] for verb in PEOPLE_VERBS}
    assert families == {"login", "people", "session", "sessions"}


def test_other_people_are_the_business_of_admins():
    others = [verb for verb in PEOPLE_VERBS if verb.name.startswith("people.")]
    own = {verb.name for verb in others if verb.role != "admin"}
    assert len(others) > len(own) and own == {"people.password"}


def test_each_change_by_a_person_is_a_line_of_the_audit_log():
    changing = [v for v in PEOPLE_VERBS if "person" in v.callers and v.method != "GET"]
    assert changing and all("person" in verb.audited for verb in changing)
