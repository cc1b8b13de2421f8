"""The verbs of tasks are a part of the one table."""

from __future__ import annotations

from chatixia.wire.task_verbs import TASK_VERBS
from chatixia.wire.verbs import BY_NAME


def test_each_stands_in_the_table_under_its_name():
    assert all(BY_NAME[verb.name] is verb for verb in TASK_VERBS)
    assert all(verb.name.startswith("tasks.") for verb in TASK_VERBS)


def test_what_changes_work_is_not_for_viewers():
    changing = [v for v in TASK_VERBS if "person" in v.callers and v.method != "GET"]
    assert changing and all(verb.role == "operator" for verb in changing)
