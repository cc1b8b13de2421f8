"""The live side fits the port, and a worker is a value."""

from chatixia.ids import AgentId
from chatixia.registry.live.roster import Roster
from chatixia.registry.work.ports import Pushes, Worker


def test_the_roster_is_where_pushes_go():
    port: Pushes = Roster()
    assert port.push(AgentId("nobody"), Worker(AgentId("x"), "", 0, frozenset())) is False


def test_a_worker_is_a_value():
    one = Worker(AgentId("bob"), "a" * 16, 4, frozenset({"echo"}))
    assert one == Worker(AgentId("bob"), "a" * 16, 4, frozenset({"echo"}))
    assert len({one, one}) == 1
