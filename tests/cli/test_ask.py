"""`ask` prints an answer as it comes, and a broadcast's receipts."""

import json
from collections.abc import AsyncIterator

from chatixia import Agent
from chatixia.cli.ask import question, tell
from chatixia.cli.common import Console
from chatixia.testing import mesh_of


def speaker(name: str) -> Agent:
    agent = Agent(name)

    @agent.prompt
    async def reply(text: str) -> AsyncIterator[str]:
        for word in (name, " heard ", text):
            yield word

    return agent


async def test_one_agent(capsys):
    async with mesh_of(speaker("anna")) as mesh:
        await question(mesh, Console(False, False, 0, ""), "anna", "hello", 5.0)
        assert capsys.readouterr() == ("anna heard hello\n", "  anna, direct\n")
        await question(mesh, Console(True, True, 0, ""), "anna", "hello", 5.0)
    said = json.loads(capsys.readouterr().out)
    assert (said["kind"], said["text"]) == ("answer", "anna heard hello")


async def test_everybody(capsys):
    async with mesh_of(speaker("anna"), speaker("bob")) as mesh:
        await tell(mesh, Console(False, False, 0, ""), "hello", True, 5.0)
    lines = capsys.readouterr().out.splitlines()
    assert sorted(lines) == ["anna: anna heard hello", "bob: bob heard hello"]


async def test_nobody(capsys):
    async with mesh_of() as mesh:
        await tell(mesh, Console(False, False, 0, ""), "hello", True, 5.0)
    out, err = capsys.readouterr()
    assert (out, "No agent is online" in err) == ("", True)


async def test_no_answer_speaks_for_another(capsys):
    async with mesh_of(speaker("anna")) as mesh:
        await tell(mesh, Console(False, False, 0, ""), "one\nbob: two", True, 5.0)
    assert capsys.readouterr().out == "anna: anna heard one\n  bob: two\n"


def test_text_is_needed(type_):
    assert type_("ask", "anna").code == 2
