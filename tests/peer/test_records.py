"""One bounded table for all that is known of the other members."""

import pytest

from chatixia.errors import Overloaded
from chatixia.peer.records import RemotePeers


def test_a_peer_has_one_record_with_two_halves():
    records: RemotePeers[str, str] = RemotePeers()
    record = records.require("bob")
    assert records.require("bob") is record is records.get("bob")
    assert (record.id, record.link, record.session) == ("bob", None, None)
    assert records.get("carol") is None and len(records) == 1


def test_a_record_goes_when_both_halves_are_empty():
    records: RemotePeers[str, str] = RemotePeers()
    record = records.require("bob")
    record.link, record.session = "link", "session"
    records.release(record)
    record.link = None
    records.release(record)
    assert records.get("bob") is record
    record.session = None
    records.release(record)
    assert records.get("bob") is None


def test_a_full_table_asks_for_room_and_then_refuses():
    records: RemotePeers[str, str] = RemotePeers(limit=2)
    records.require("bob").link = records.require("carol").link = "in use"
    with pytest.raises(Overloaded):
        records.require("dora")

    def forget_bob() -> bool:
        record = records.get("bob")
        if record is not None:
            record.link = None
            records.release(record)
        return record is not None

    records.make_room += [lambda: False, forget_bob]
    records.require("dora")
    assert [record.id for record in records] == ["carol", "dora"]
    with pytest.raises(Overloaded):
        records.require("eve")


def test_peers_may_come_and_go_while_the_table_is_walked():
    records: RemotePeers[str, str] = RemotePeers()
    for name in ("bob", "carol"):
        records.require(name)
    for record in records:
        records.release(record)
    assert len(records) == 0
    records.require("bob")
    records.clear()
    assert records.get("bob") is None
