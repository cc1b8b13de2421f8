"""The network in memory: paths, weather, directory."""

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
