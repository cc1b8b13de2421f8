"""`status` in rows: the registry, the agents, each link with tier and round trip, the queue."""

from chatixia.cli.status import render
from chatixia.wire.registry import Edge, StatusReply, Topology
from chatixia.wire.tasks import STATES


def test_rows():
    found = StatusReply(
        "ab" * 32,
        "0.1.0",
        0.0,
        agents=2,
        tasks={"pending": 1, "completed": 0},
        addresses=["http://127.0.0.1:8080"],
    )
    edges = [
        Edge("anna", "bob", "direct", 0.42, confirmed=True),
        Edge("anna", "carl", "turn", 31.0, confirmed=True, relay="tcp"),
    ]
    links = Topology([], edges)
    text = render(found, links)
    assert "  agents    2 online" in text
    assert "  tasks     1 pending" in text
    assert "anna - bob" in text and "direct, under 1 ms, both ends" in text
    assert "turn (tcp), 31 ms, both ends" in text


def test_an_empty_mesh():
    text = render(StatusReply("ab" * 32, "0.1.0", 0.0), Topology([], []))
    assert "  tasks     none" in text
    assert "  links     0 open" in text


def test_counts_of_nothing_are_there(registry, type_):
    found = type_("status", "--json").json["status"]
    assert found["tasks"] == dict.fromkeys(STATES, 0)
    assert (found["agents"], found["links"]) == (0, 0)
