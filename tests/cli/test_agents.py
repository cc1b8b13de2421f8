"""`agents` lists who is there, and says what to do when nobody is."""

import json

from chatixia import Agent
from chatixia.cli.agents import show
from chatixia.cli.common import Talk, again
from chatixia.testing import mesh_of


def agent(name: str) -> Agent:
    made = Agent(name)

    @made.skill
    async def echo(text: str) -> str:
        return text

    return made


async def test_a_list(capsys):
    async with mesh_of(agent("bob"), agent("anna")) as mesh:
        await show(mesh, Talk(False, False, 0, ""), "")
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["agent", "health", "skills", "machine"]
        assert [line.split()[:3] for line in lines[1:]] == [
            ["anna", "active", "echo"], ["bob", "active", "echo"],
        ]  # fmt: skip
        await show(mesh, Talk(True, False, 0, ""), "echo")
    said = json.loads(capsys.readouterr().out)
    assert [found["agent_id"] for found in said["agents"]] == ["anna", "bob"]


async def test_nobody(capsys):
    async with mesh_of() as mesh:
        await show(mesh, Talk(False, False, 0, ""), "")
    out, err = capsys.readouterr()
    assert (out, "`chatixia run FOLDER`" in err) == ("", True)


async def test_watching_shows_again():
    shown = []

    async def look() -> None:
        shown.append(len(shown))
        if len(shown) == 3:
            raise KeyboardInterrupt

    try:
        await again(0.001, look)
    except KeyboardInterrupt:
        assert shown == [0, 1, 2]


async def test_a_skill_that_nobody_has(capsys):
    async with mesh_of(agent("bob")) as mesh:
        await show(mesh, Talk(False, False, 0, ""), "ecoh")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "  No agent has the skill ecoh. Did you mean echo?\n")
