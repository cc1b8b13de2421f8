"""Which loop a process of ours runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chatixia.client import loop

RUN = """
import asyncio, sys
{block}
from chatixia.client.loop import peer_loop
made = (peer_loop() or asyncio.new_event_loop)()
print(type(made).__module__.split(".")[0], "uvloop" in sys.modules)
made.close()
"""


@pytest.mark.parametrize(
    ("missing", "said"),
    [((), "asyncio False"), (("wrtc",), "uvloop True"), (("wrtc", "uvloop"), "asyncio False")],
)
def test_uvloop_only_where_the_engine_lives_on_the_loop(missing, said):
    block = "\n".join(f"sys.modules[{name!r}] = None" for name in missing if name != "wrtc")
    if "wrtc" in missing:
        block += (
            "\nimport importlib.util as u; real = u.find_spec"
            "\nu.find_spec = lambda name: None if name == 'wrtc' else real(name)"
        )
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(block=block)], capture_output=True, text=True, check=True
    )
    # None in sys.modules is how the interpreter marks what must not be imported.
    assert done.stdout.split()[0] == said.split()[0], done.stderr
    if "uvloop" not in missing:
        assert done.stdout.strip() == said


def test_it_gives_what_a_runner_takes():
    assert loop.peer_loop() is None


DROPPED = """
import os, sys
from chatixia.client.loop import LoopThread
thread = LoopThread()
portal = thread.start()
async def one(): return 1
assert portal.call(one) == 1
if os.fork() == 0:
    del thread, portal
    sys.exit(0)
_, status = os.wait()
print("child", status)
thread.stop()
print("parent")
"""


def test_a_child_that_forked_may_drop_it():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DROPPED],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout.splitlines() == ["child 0", "parent"]


def test_an_error_of_its_start_is_raised(monkeypatch: pytest.MonkeyPatch):
    def broken() -> None:
        raise RuntimeError("no loop")

    monkeypatch.setattr(loop, "peer_loop", broken)
    with pytest.raises(RuntimeError, match="no loop"):
        loop.LoopThread().start()
