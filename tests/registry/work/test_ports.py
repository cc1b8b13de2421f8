"""The live side fits the port, and a worker is a value."""

from chatixia.ids import AgentId
from chatixia.registry.live.roster import Roster
from chatixia.registry.work.ports import PushPort, WorkerLogin


def test_the_roster_is_where_pushes_go():
    port: PushPort = Roster()
    assert port.push(AgentId("nobody"), WorkerLogin(AgentId("x"), "", 0, frozenset())) is False


def test_a_worker_is_a_value():
    one = WorkerLogin(AgentId("bob"), "a" * 16, 4, frozenset({"echo"}))
    assert one == WorkerLogin(AgentId("bob"), "a" * 16, 4, frozenset({"echo"}))
    assert len({one, one}) == 1
