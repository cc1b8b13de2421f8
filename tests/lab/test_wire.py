"""The bad wire itself: what it delays, loses and doubles, the same for the same seed."""

import json
import random
import sys

import pytest

from tests.lab.nat import Internet
from tests.lab.netns import Host, Lab
from tests.lab.test_netns import ask, echo_on
from tests.lab.wire import MOST_FRAMES, Way, Wire

TIMED = """
import json, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((sys.argv[1], 9000))
s.settimeout(1.0); seen, took = [], []
for n in range(int(sys.argv[2])):
    began = time.monotonic(); s.send(b"%d" % n)
    try:
        while int(data := s.recv(10)) != n: seen.append(data.decode())
        took.append(time.monotonic() - began); seen.append(data.decode())
    except TimeoutError: pass
print(json.dumps({"least": min(took), "came": len(seen)}))
"""


def timed(host: Host, there: Host, count: int) -> dict[str, float]:
    words = (sys.executable, "-c", TIMED, there.ip, str(count))
    said: dict[str, float] = json.loads(host.run(*words).stdout)
    return said


def carried(wire: Wire, seed: int, count: int = 2000) -> tuple[Way, list[bytes]]:
    way, chance = Way(), random.Random(seed)
    for n in range(count):
        way.take(b"%d" % n, n / 1000, wire, chance)
    came = []
    while (frame := way.due(1e9)) is not None:
        came.append(frame)
    return way, came


def test_a_good_wire_keeps_all_and_their_order():
    way, came = carried(Wire(delay=0.05), 1)
    assert came == [b"%d" % n for n in range(2000)]
    assert way.said() == {"passed": 2000, "lost": 0, "doubled": 0, "crowded": 0}


def test_shares_are_what_was_asked_for_and_the_same_each_time():
    wire = Wire(loss=0.05, duplicate=0.1, jitter=0.01)
    way, came = carried(wire, 3)
    assert carried(wire, 3)[1] == came != carried(wire, 4)[1]
    assert 60 < way.lost < 140 and 150 < way.doubled < 250
    assert len(came) == 2000 - way.lost + way.doubled == way.passed
    assert came != sorted(came, key=int), "jitter lets frames overtake each other"


def test_a_frame_comes_when_its_delay_is_over():
    way = Way()
    way.take(b"x", 1.0, Wire(delay=0.5), random.Random(1))
    assert way.next_at == 1.5
    assert way.due(1.49) is None and way.due(1.5) == b"x" and way.next_at is None


def test_no_more_frames_are_kept_than_the_bound():
    way, came = carried(Wire(delay=1.0), 1, MOST_FRAMES + 5)
    assert way.crowded == 5 and len(came) == MOST_FRAMES


@pytest.mark.root
def test_a_host_behind_it_has_its_round_trip_its_losses_and_its_doubles(lab: Lab):
    net = Internet(lab)
    server = net.public()
    echo_on(server)
    home = net.behind("cone", wire=Wire(delay=0.01))
    assert ask(home.host, server.ip, "tcp") == "hi"  # with checksums that hold
    good = timed(home.host, server, 20)
    assert good["came"] == 20 and 0.02 <= good["least"] < 0.1
    assert home.wire
    home.wire.change(duplicate=1.0)
    assert timed(home.host, server, 10)["came"] >= 20
    home.wire.change(duplicate=0.0, loss=1.0)
    assert ask(home.host, server.ip, "tcp") != "hi"
    ways = home.wire.unplug()
    assert [way["doubled"] >= 10 for way in ways] == [True, True]
    assert ways[0]["lost"] > 0
