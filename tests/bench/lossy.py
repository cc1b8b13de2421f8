"""Files over a wire that loses 1 % each way at 50 ms there and back, in network namespaces.

Prints JSON: ``mb_s`` over a direct link, ``tcp_mb_s`` where only the registry's port is open, so
that TCP carries them. Needs root, as the lab does.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.acceptance.test_paths import Scene, Stage, only_the_registry
from tests.lab.nat import Home, Internet
from tests.lab.netns import Lab
from tests.lab.procs import Procs
from tests.lab.wire import Wire

WIRE = Wire(delay=0.025, loss=0.01)
SIZE = 5_000_000
SECONDS = 300.0


def homes(net: Internet) -> tuple[Home, Home]:
    return net.behind("cone", wire=WIRE), net.behind("cone")


DIRECT = Scene(homes, "direct", turn=False)
RELAY = Scene(homes, "relay", turn=False, fence=only_the_registry)


def speed(scene: Scene) -> float:
    """Megabytes a second from `anna`, behind that wire, to `bob`."""
    with tempfile.TemporaryDirectory(prefix="chatixia-bench-") as folder, Lab() as lab:
        procs = Procs(Path(folder))
        try:
            stage = Stage(procs, lab, Path(folder))
            stage.program = Path(__file__).with_name("agent.py")
            stage.set_up(scene)
            words = ("to=bob", f"size={SIZE}", f"tier={scene.via}", "--json")
            command = ("call", "anna", "haul", *words, "--timeout", str(SECONDS))
            done = procs.run(*command, timeout=SECONDS + 30, host=stage.anna.host)
            if done.returncode:
                raise SystemExit(f"bench: {done.stdout}{done.stderr}")
            return float(json.loads(done.stdout)["value"])
        finally:
            procs.close()


if __name__ == "__main__":
    print(json.dumps({"mb_s": speed(DIRECT), "tcp_mb_s": speed(RELAY)}))
