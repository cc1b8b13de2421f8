"""The agent's own skills as tools: validated, bounded, on their asker's path."""

from __future__ import annotations

import pytest

from chatixia.agent.context import Ctx
from chatixia.agent.model.own_tools import OwnTool, ToolResponder, effect_of, own_spec
from chatixia.agent.model.words import ToolCall
from chatixia.agent.skill import Skill
from chatixia.client.artifact import Artifact
from chatixia.errors import BadArguments
from tests.agent.loopback import Net
from tests.agent.model.requests import ADA, incoming
from tests.agent.served import Served

seen: list[Ctx] = []


async def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


async def look(ctx: Ctx) -> list[str]:
    seen.append(ctx)
    return list(ctx.path)


async def broken() -> None:
    raise KeyError("secret")


async def picky(n: int) -> int:
    raise BadArguments("n must be even.")


async def count(n: int):
    for i in range(n):
        yield i


async def relayed(ctx: Ctx) -> int:
    return await ctx.agent("other").picky(n=1)


SKILLS = (add, look, broken, picky, count, relayed)


@pytest.fixture
async def served():
    net = Net()
    other = Served(net, "other", picky)
    agent = Served(net, "a", *SKILLS)
    yield agent
    agent.close()
    other.close()


def tool(served: Served, name: str, idempotent: bool = False) -> OwnTool:
    skill = Skill(name, next(fn for fn in SKILLS if fn.__name__ == name), idempotent=idempotent)
    (info,) = served.runtime.offer([skill])
    return OwnTool(info, own_spec(skill, info), incoming(), served.runtime.handle)


async def run(made: OwnTool, arguments: str, again: bool = False):
    return await made.run(ToolCall("c1", made.spec.name, arguments), again=again)


async def test_its_schema_is_offered_without_what_providers_choke_on(served: Served):
    spec = tool(served, "add").spec
    assert (spec.name, spec.description) == ("add", "Add two numbers.")
    assert spec.parameters["properties"]["a"] == {"type": "integer"}
    assert spec.parameters["required"] == ["a"]
    assert "$schema" not in spec.parameters


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [("add", '{"a": 2}', "3"), ("count", '{"n": 3}', "[0,1,2]"), ("look", "", f'["{ADA}"]')],
)
async def test_a_result_is_the_json_of_it(served: Served, name: str, arguments: str, text: str):
    outcome = await run(tool(served, name), arguments)
    assert (outcome.text, outcome.failed, outcome.retry) == (text, False, False)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("add", '{"a": "x"}', "expected int"),
        ("add", '{"b": 2}', "a is missing"),
        ("add", '{"a": 1, "c": 2}', "no argument c"),
        ("add", '{"a": ', "add:"),
        ("add", "[1]", "add:"),
        ("add", "\ud800", "add:"),
        ("picky", '{"n": 1}', "even"),
    ],
)
async def test_wrong_arguments_go_back_to_the_model(
    served: Served, name: str, arguments: str, words: str
):
    outcome = await run(tool(served, name), arguments)
    assert outcome.retry
    assert not outcome.failed
    assert words in outcome.text


@pytest.mark.parametrize(
    ("name", "code"), [("broken", "skill_failed: "), ("relayed", "bad_arguments: ")]
)
async def test_an_error_is_code_and_sentence(served: Served, name: str, code: str):
    outcome = await run(tool(served, name), "{}")
    assert outcome.failed
    assert not outcome.retry
    assert outcome.text.startswith(code)
    assert "secret" not in outcome.text


async def test_a_call_has_the_same_key_on_every_try_and_no_other_has_it(served: Served):
    seen.clear()
    made = tool(served, "look", idempotent=True)
    await run(made, "{}")
    await run(made, "{}", again=True)
    await made.run(ToolCall("c2", "look", "{}"))
    keys = [ctx.idempotency_key for ctx in seen]
    assert keys[0] == keys[1] != keys[2]
    assert all(len(key) == 32 for key in keys)


async def test_what_may_have_run_runs_again_only_where_that_does_not_matter(served: Served):
    outcome = await run(tool(served, "add"), '{"a": 1}', again=True)
    assert outcome.failed
    assert outcome.text.startswith("outcome_unknown: ")
    assert (await run(tool(served, "add", idempotent=True), '{"a": 1}', again=True)).text == "2"


async def test_a_file_is_named_and_not_read():
    responder = ToolResponder()
    table = await responder.lend([Artifact.of(b"abc", name="a.txt").source])
    responder.reply(b'{"$artifact":0}', table)
    assert responder.text == '{"$artifact":0}\n$artifact 0: a.txt, 3 bytes'
    await responder.item(b"1")
    responder.progress(0.5, "half")


@pytest.mark.parametrize(
    ("name", "declared", "counts"),
    [
        ("add", "read", "read"),
        ("add", "write", "write"),
        ("delegate", "read", "write"),
        ("mesh_send", "call", "write"),
        ("mesh_anything", "read", "write"),
        ("meshed", "read", "read"),
    ],
)
def test_acting_for_a_caller_is_writing(name: str, declared: str, counts: str):
    assert effect_of(Skill(name, add, effect=declared)) == counts  # type: ignore[arg-type]
