"""An agent that accepts no described peers loads nothing of them."""

import subprocess
import sys
from typing import Any

from chatixia.core.ports import Outgoing
from chatixia.ids import AgentId
from chatixia.peer.described.absent import NoDescribedCalls

LOADED = """
import sys
import chatixia.peer.driver
print([name for name in sys.modules if name.startswith("chatixia.peer.described.")])
"""


async def test_nothing_is_carried_there():
    calls = NoDescribedCalls()
    outgoing = Outgoing(AgentId("b"))
    assert not calls.is_here("b")
    assert await calls.call(outgoing) is None
    assert await calls.ping(AgentId("b"), 1.0) is None
    stream: Any = object()
    assert calls.stream(outgoing, lambda: stream) is stream
    await calls.stop()
    assert calls.stopping and not calls.waiting and not calls.tasks


def test_their_code_is_loaded_where_it_is_needed():
    shown = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True)
    assert shown.stdout.strip() == "['chatixia.peer.described.absent']", shown.stderr
