"""Reports of a task's end, until they are answered."""

import pytest

from chatixia.errors import BadRequest, Cancelled, MeshError, RegistryUnreachable, StaleFence
from chatixia.peer.tasks.lease import HeldTask, QueueResponder
from chatixia.peer.tasks.reports import REPEAT_SECONDS, ResultReporter
from chatixia.testing.clock import FakeWorld
from chatixia.wire import tasks as t


class Teller:
    """One finished task and a registry that answers with these errors first."""

    def __init__(self, *errors):
        self.world, self.registry, self.errors, self.said = FakeWorld(), self, list(errors), []
        self.lease = HeldTask(t.Task("t1", "assigned", deadline_ms=60_000), "0.1", 30.0, 0.0)
        self.answer = QueueResponder(self.lease, self, self.world, self.world, None)
        self.answer.reply(b"1")
        self.reports = ResultReporter("b", self, self.world, self.world)

    async def verb(self, name, request, timeout=10.0):
        self.said.append((name, request.fence))
        assert self.reports.waiting == 1
        if self.errors:
            raise self.errors.pop(0)

    async def run(self):
        await self.reports.deliver(self.lease, self.answer)
        self.world.stop()
        assert self.reports.waiting == 0
        return self.lease.over


@pytest.mark.parametrize(
    ("errors", "times", "over"),
    [
        ([], 1, True),
        ([RegistryUnreachable(outcome="unknown")] * 5, 6, True),
        ([RegistryUnreachable(), Cancelled()], 2, True),
        ([StaleFence()], 1, False),
        ([BadRequest()], 1, True),
    ],
)
async def test_until_it_is_answered(errors, times, over):
    teller = Teller(*errors)
    assert await teller.run() is over
    assert teller.said == [("tasks.complete", "0.1")] * times


async def test_not_for_ever():
    teller = Teller(*[RegistryUnreachable()] * 1000)
    began = teller.world.now
    await teller.run()
    assert 60 + REPEAT_SECONDS < teller.world.now - began < 60 + REPEAT_SECONDS + 5


async def test_a_new_fence_while_it_is_told():
    teller = Teller(StaleFence())
    verb = teller.verb

    async def given_again(*said):
        try:
            await verb(*said)
        except MeshError:
            teller.lease.fence = "0.3"
            raise

    teller.verb = given_again
    assert await teller.run()
    assert [fence for _, fence in teller.said] == ["0.1", "0.3"]
