"""Two nodes in memory, for the tests of sessions."""

import pytest

from chatixia.testing.network import Network
from chatixia.wire.peer import SkillInfo
from tests.peer.sessions.calls import echo


@pytest.fixture
async def net():
    made = Network()
    for name in ("a", "b"):
        made.node(name).serve(echo, [SkillInfo("echo")], 2)
    await made.start()
    yield made
    await made.stop()
