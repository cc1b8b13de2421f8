"""`status` in rows: the registry, the agents, each link with tier and round trip, the queue."""

from chatixia.cli.status import render
from chatixia.core.spending import Spending
from chatixia.wire.registry import Edge, Node, StatusReply, Topology
from chatixia.wire.signaling import LinkReport
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
        Edge("bob", "carl", "relay", 2.0, bytes=1_234_567, resends=3),
    ]
    said = [LinkReport("bob", "direct", status="idle"), LinkReport("carl", "turn", status="acting")]
    links = Topology([Node("anna", links=said)], edges)
    text = render(found, links)
    assert "  agents    2 online" in text
    assert "  tasks     1 pending" in text
    assert "anna - bob" in text and "direct, under 1 ms, both ends" in text
    assert "turn (tcp), 31 ms, both ends, carl acting" in text
    assert "relay, 2 ms, 1.2 MB, 3 resent, one end, carl acting" in text


def test_what_models_have_spent_today():
    models = {"helper": Spending(12, 30_000, 4_000, 0.125), "local": Spending(1, 10, 1)}
    text = render(StatusReply("ab" * 32, "0.1.0", 0.0), Topology([], []), models)
    assert "  model     helper" in text
    assert "12 requests, 34,000 tokens, 0.12 USD today" in text
    assert "1 requests, 11 tokens today" in text


def test_an_empty_mesh():
    text = render(StatusReply("ab" * 32, "0.1.0", 0.0), Topology([], []))
    assert "  tasks     none" in text
    assert "  links     0 open" in text


def test_counts_of_nothing_are_there(registry, type_):
    reply = type_("status", "--json").json
    found = reply["status"]
    assert reply["models"] == {}
    assert found["tasks"] == dict.fromkeys(STATES, 0)
    assert (found["agents"], found["links"]) == (0, 0)


def test_one_machine_is_no_machines():
    for many, said in ((1, "1 machine in that way"), (2, "2 machines in that way")):
        found = StatusReply("ab" * 32, "0.1.0", 0.0, by_registry=many)
        assert f"nothing any more  {said}" in render(found, Topology([], []))
