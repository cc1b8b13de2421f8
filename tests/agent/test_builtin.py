"""The built-in skills, in both directions."""

from __future__ import annotations

import pytest

from chatixia.agent.builtin import NAMES, builtin
from chatixia.agent.inbox import Inbox
from chatixia.agent.prompts import PromptService
from chatixia.errors import BadArguments, ConfigError, UnknownSkill
from chatixia.wire.tasks import Submit, Submitted
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def greet(message: str, loud: bool = False) -> str:
    """Greet."""
    return f"hello {message}{'!' if loud else ''}"


async def reply(text: str) -> str:
    return f"said {text}"


@pytest.fixture
def net():
    made = Net()
    served = [
        Served(made, "a", builtins=NAMES),
        Served(made, "b", greet, builtins=NAMES),
        Served(made, "c", prompt=reply),
    ]
    yield made
    for one in served:
        one.close()


async def test_delegate_answers_with_value_and_tier(net: Net):
    there = client(net).agent("a")
    done = await there.delegate(message="x", target_agent_id="b", skill="greet")
    assert (done.value, done.via, done.agent) == ("hello x", "direct", "b")
    done = await there.delegate(message="", skill="greet", args={"message": "y", "loud": True})
    assert (done.value, done.agent) == ("hello y!", "b")
    done = await there.delegate(message="x", target_agent_id="c")
    assert done.value == "said x"


async def test_delegate_never_picks_the_asker(net: Net):
    with pytest.raises(UnknownSkill, match="No other agent"):
        await net_mesh(net, "b").agent("a").delegate(message="x", skill="greet")


async def test_delegate_refuses_what_names_nothing_and_itself(net: Net):
    there = client(net).agent("a")
    for wait in (True, False):
        with pytest.raises(BadArguments, match="name a target_agent_id or a skill"):
            await there.delegate(message="x", wait=wait)
        with pytest.raises(BadArguments, match="a is this agent itself"):
            await there.delegate(message="x", target_agent_id="a", skill="greet", wait=wait)


async def test_delegate_without_waiting_leaves_a_task(net: Net):
    seen: list[Submit] = []

    def submit(request: Submit) -> Submitted:
        seen.append(request)
        return Submitted(request.id)

    net.verbs["tasks.submit"] = submit
    done = await client(net).agent("a").delegate(message="x", skill="greet", wait=False)
    assert done.task_id == seen[0].id
    assert (done.agent, done.via) == ("b", "queue, plain")
    assert seen[0].path == ["me~abcdef"]
    assert bytes(seen[0].payload) == b'{"plain":{"message":"x"}}'


async def test_list_and_find(net: Net):
    there = client(net).agent("a")
    rows = await there.list_agents()
    assert [(r.agent_id, r.self, r.health) for r in rows] == [
        ("a", True, "active"),
        ("b", False, "active"),
        ("c", False, "active"),
    ]
    assert rows[1].skills == ["greet", *NAMES]
    assert await there.find_agent(skill="greet") == {"agent_id": "b", "peer": "b"}
    with pytest.raises(UnknownSkill):
        await there.find_agent(skill="nothing")
    with pytest.raises(UnknownSkill, match="No skill can be called ''"):
        await there.find_agent(skill="")


async def test_messages_arrive_both_ways(net: Net):
    sent = await client(net).agent("a").mesh_send(target_agent_id="c", message="hi")
    assert sent == {"agent": "c", "via": "direct", "reply": "said hi"}
    sent = await client(net).agent("b").mesh_send(target_agent_id="a", message="hi")
    assert sent.reply == ""
    receipts = await client(net).agent("a").mesh_broadcast(message="all")
    assert [(r.agent, r.ok, r.get("reply", "")) for r in receipts] == [
        ("b", True, ""),
        ("c", True, "said all"),
    ]


async def test_a_broadcast_says_who_did_not_get_it(net: Net):
    net.down.add("c")
    receipts = await client(net).agent("a").mesh_broadcast(message="all")
    assert [(r.agent, r.ok) for r in receipts] == [("b", True), ("c", False)]
    assert receipts[1].code == "unreachable"


async def test_user_intervention_is_heard(net: Net):
    there = await client(net).agent("a").user_intervention(message="look")
    assert there == {"received": True, "reply": ""}


def test_unknown_ones_name_the_nearest():
    with pytest.raises(ConfigError, match="no built-in skill delegat; did you mean delegate?"):
        builtin("delegat", PromptService("a", Inbox()))
    with pytest.raises(ConfigError, match="there are delegate, list_agents"):
        builtin("zzz", PromptService("a", Inbox()))


def net_mesh(net: Net, name: str):
    from chatixia.client.call_context import CallContext
    from chatixia.client.mesh import Mesh

    return Mesh(CallContext(net.ports[name]))
