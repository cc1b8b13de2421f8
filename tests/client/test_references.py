"""References: only what the message's own table names is an artifact."""

from __future__ import annotations

import threading

import pytest

from chatixia.client import references
from chatixia.client.artifact import Artifact

ONE, TWO = Artifact.of(b"1"), Artifact.of(b"2")


def test_each_artifact_is_gathered_once():
    with references.gathering() as found:
        assert references.write(ONE) == {"$artifact": 0}
        assert references.write(TWO) == {"$artifact": 1}
        assert references.write(ONE) == {"$artifact": 0}
    assert found == [ONE, TWO]


def test_an_artifact_where_nothing_is_gathered_is_met_once():
    with pytest.raises(TypeError, match="Artifact"):
        references.write(ONE)
    assert references.met()
    assert not references.met()


@pytest.mark.parametrize(
    "value",
    [
        {"$artifact": 1},
        {"$artifact": -1},
        {"$artifact": True},
        {"$artifact": "0"},
        {"$artifact": 0, "more": 1},
        {},
        0,
        None,
    ],
)
def test_anything_else_is_user_data(value: object):
    with references.reading((ONE,)):
        assert references.find({"$artifact": 0}) is ONE
        assert references.find(value) is None
        with pytest.raises(ValueError, match="expected an artifact"):
            references.read(value)


def test_outside_nothing_is_an_artifact():
    assert references.find({"$artifact": 0}) is None


def test_what_one_thread_reads_no_other_sees():
    seen: list[object] = []
    with references.reading((ONE,)):
        thread = threading.Thread(target=lambda: seen.append(references.find({"$artifact": 0})))
        thread.start()
        thread.join()
    assert seen == [None]
