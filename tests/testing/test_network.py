"""The network in memory: paths, weather, directory."""

import pytest

from chatixia.core.ports import Outgoing
from chatixia.errors import MeshError, UnknownSkill
from chatixia.testing.network import Network
from chatixia.wire.peer import SkillInfo
from chatixia.wire.registry import AgentQuery, AgentRef, Route
from chatixia.wire.tasks import Ref

ECHO = [SkillInfo("echo")]


async def echo(incoming, responder):
    responder.reply(bytes(incoming.body))


def network(**weather):
    made = Network(**weather)
    for name in ("a", "b", "c"):
        made.node(name)
    made.nodes["b"].serve(echo, ECHO, 4)
    made.nodes["c"].serve(echo, ECHO, 4)
    return made


async def ask(net, n=0):
    answer = await net.nodes["a"].call(Outgoing("b", "echo", b"%d" % n))
    return int(answer.value)


async def test_a_call_needs_no_socket_and_no_time():
    net = network()
    await net.start()
    assert await ask(net, 7) == 7
    (link,) = net.nodes["a"].links()
    assert (link.peer, link.tier) == ("b", "direct")
    await net.stop()


async def test_the_same_seed_is_the_same_weather():
    async def run(seed):
        net = network(seed=seed, loss=0.2, duplicate=0.1, reorder=0.1)
        await net.start()
        assert [await ask(net, n) for n in range(20)] == list(range(20))
        ended = net.world.now
        await net.stop()
        return ended

    assert await run(1) == await run(1) != await run(2)


async def test_a_path_dies_and_another_opens():
    net = network()
    await net.start()
    assert await ask(net, 1) == 1
    net.cut("a", "b", keep=True)
    assert not net.nodes["a"].links()
    net.heal("a", "b")
    assert await ask(net, 2) == 2
    await net.stop()


async def test_the_directory_knows_who_serves_what():
    net = network()
    await net.start()
    a = net.nodes["a"]
    listed = await a.verb("agents.list", AgentQuery(skill="echo"))
    assert [row.agent_id for row in listed.agents] == ["b", "c"]
    routes = {(await a.verb("agents.route", Route("echo"))).agent_id for _ in range(2)}
    assert routes == {"b", "c"}
    assert (await net.nodes["b"].verb("agents.route", Route("echo"))).agent_id == "c"
    assert (await a.verb("agents.get", AgentRef("b"))).agent_id == "b"
    for verb, request, code in (
        ("agents.route", Route("nope"), UnknownSkill.code),
        ("agents.get", AgentRef("a"), "not_found"),
        ("tasks.get", Ref("t"), "unavailable"),
    ):
        try:
            await a.verb(verb, request)
        except MeshError as error:
            assert error.code == code
        else:
            raise AssertionError(verb)
    await net.stop()
    assert not net.listed


# -- a path of another tier


PADDING = b"x" * 1000
"""So that a window holds some sixty messages, and ten thousand take many moves."""


async def numbered(incoming, responder):
    """As many numbered messages as were asked for, in a stream."""
    for n in range(int(bytes(incoming.body))):
        await responder.item(b'"%d %s"' % (n, PADDING))
    responder.reply(b"null")


class Moves:
    """Another tier every second; now and then the path before dies at once."""

    def __init__(self, net):
        self.net, self.count = net, 0
        self.again()

    def again(self):
        self.net.world.later(1.0, self.move, frame=True)

    def move(self):
        self.count += 1
        if frozenset("ab") in self.net._paths:
            tier = ("relay", "direct", "turn")[self.count % 3]
            self.net.move("a", "b", tier, dies=self.count % 4 == 3)
        self.again()


async def moved_stream(count, **weather):
    net = Network(**weather)
    net.node("a")
    net.node("b").serve(numbered, [SkillInfo("numbers")], 4)
    await net.start()
    moves = Moves(net)
    stream = net.nodes["a"].stream(Outgoing("b", "numbers", b"%d" % count, timeout=3600))
    got = [int(bytes(item)[1:].split()[0]) async for item in stream]
    assert got == list(range(count))
    await net.stop()
    return moves.count


@pytest.mark.parametrize("seed", range(9))
async def test_messages_arrive_once_and_in_order_with_the_tier_changed_every_second(seed):
    weather = ({"loss": 0.01}, {"loss": 0.05, "reorder": 0.1}, {"duplicate": 0.1, "refuse": 0.05})
    assert await moved_stream(3_000, seed=seed, delay=(0.02, 0.12), **weather[seed % 3]) > 1


@pytest.mark.parametrize(("loss", "delay"), [(0.01, 0.025), (0.05, 0.1)])
async def test_ten_thousand_messages_at_the_round_trips_of_a_far_away_network(loss, delay):
    assert await moved_stream(10_000, seed=1, loss=loss, delay=(delay * 0.9, delay * 1.1)) > 5
