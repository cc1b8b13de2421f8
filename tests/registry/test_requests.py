"""Bytes become a verb's struct, or one error with the right code."""

from __future__ import annotations

import pytest

from chatixia.errors import BadRequest, MeshError, TooLarge, Unprocessable
from chatixia.registry.requests import parse, parse_query
from chatixia.wire.tasks import Complete, Query
from chatixia.wire.verbs import BY_NAME, TABLE


def test_the_path_wins_over_the_body():
    made = parse(
        BY_NAME["tasks.complete"],
        b'{"task_id":"forged","fence":"1.2","result":{"plain":[1]}}',
        {"task_id": "real"},
    )
    assert isinstance(made, Complete)
    assert made.task_id == "real" and bytes(made.result.plain or b"") == b"[1]"


def test_query_texts_become_numbers_and_unknown_ones_are_ignored():
    made = parse_query(BY_NAME["tasks.list"], {"limit": "7", "state": "failed", "other": "x"})
    assert made == Query(state="failed", limit=7)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"{", BadRequest),
        (b"\xff", BadRequest),
        (b'{"x":' + b"[" * 60_000, BadRequest),
        (b'{"x":' + b"[" * 150 + b"]" * 150 + b"}", BadRequest),
        (b"[]", Unprocessable),
        (b'{"agent_id":7}', Unprocessable),
        (b'{"agent_id":"' + b"x" * 70 + b'"}', Unprocessable),
        (b"{}", Unprocessable),
        (b" " * 70_000, TooLarge),
    ],
)
def test_each_way_to_be_wrong_has_its_code(data: bytes, kind: type[MeshError]):
    with pytest.raises(kind) as found:
        parse(BY_NAME["agents.get"], data)
    assert type(found.value) is kind


def test_a_query_out_of_bounds_is_invalid():
    with pytest.raises(Unprocessable):
        parse_query(BY_NAME["tasks.list"], {"limit": "100000"})


def test_every_verb_refuses_a_list():
    for verb in TABLE:
        with pytest.raises(Unprocessable):
            parse(verb, b"[1]")


def test_no_verb_takes_what_is_not_utf8():
    """Also where the decoder would pass over it: in a raw field, or in one that nobody knows."""
    for verb in TABLE:
        for data in (
            b'{"x":"\xff"}',
            b'{"payload":{"plain":"\xed\xa0\x80"}}',
            b'{"item":["\xc3"]}',
        ):
            for outside in ({}, {"task_id": "t"}):
                with pytest.raises(BadRequest) as found:
                    parse(verb, data, outside)
                assert found.value.status == 400, verb.name
    parse(BY_NAME["tasks.submit"], '{"skill":"x","payload":"\u00ff"}'.encode())
