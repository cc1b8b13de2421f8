"""`agents` lists who is there, and says what to do when nobody is."""

import json

import pytest

from chatixia import Agent, connect
from chatixia.cli.agents import show
from chatixia.cli.common import Console, again
from chatixia.testing import mesh_of
from chatixia.testing.registry import RegistryHarness


def agent(name: str) -> Agent:
    made = Agent(name)

    @made.skill
    async def echo(text: str) -> str:
        return text

    return made


async def test_a_list(capsys):
    async with mesh_of(agent("bob"), agent("anna")) as mesh:
        await show(mesh, Console(False, False, 0, ""), "")
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["agent", "health", "skills", "machine"]
        assert [line.split()[:3] for line in lines[1:]] == [
            ["anna", "active", "echo"],
            ["bob", "active", "echo"],
        ]
        await show(mesh, Console(True, False, 0, ""), "echo")
    said = json.loads(capsys.readouterr().out)
    assert [found["agent_id"] for found in said["agents"]] == ["anna", "bob"]


async def test_nobody(capsys):
    async with mesh_of() as mesh:
        await show(mesh, Console(False, False, 0, ""), "")
    out, err = capsys.readouterr()
    assert (out, "`chatixia run FOLDER`" in err) == ("", True)


async def test_watching_shows_again():
    shown = []

    async def look() -> None:
        shown.append(len(shown))
        if len(shown) == 3:
            raise KeyboardInterrupt

    try:
        await again(Console(False, False, 0, ""), 0.001, look)
    except KeyboardInterrupt:
        assert shown == [0, 1, 2]


@pytest.mark.parametrize(("terminal", "as_json"), [(True, False), (False, False), (True, True)])
async def test_a_terminal_is_repainted_and_a_pipe_gets_lines(
    monkeypatch, capsys, terminal, as_json
):
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal, raising=False)
    console, looks = Console(as_json, False, 0, ""), []

    async def look() -> None:
        console.data("agents", {"n": 1}, "rows")
        looks.append(1)
        if len(looks) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await again(console, 0.001, look)
    out = capsys.readouterr().out
    if as_json:
        assert out == '{"v":1,"kind":"agents","n":1}\n' * 2
    else:
        assert out == ("\x1b[Hrows\x1b[K\n\x1b[J" if terminal else "rows\n") * 2


async def test_who_stopped_stays_in_the_list_while_work_waits(home, capsys, monkeypatch):
    monkeypatch.setattr("chatixia.registry.live.directory.LOOK_SECONDS", 0.0)
    async with RegistryHarness(home) as registry:
        async with agent("bob"), connect() as mesh:
            await show(mesh, Console(False, False, 0, ""), "")
        async with connect() as mesh:
            assert await mesh.agents() == []
            tasks = [(await mesh.submit("bob", "echo", {"text": "x"})).id for _ in range(2)]
        await registry.stop()
        await registry.start()
        async with connect() as mesh:
            [bob] = await mesh.agents()
            assert (bob.agent_id, bob.health, bob.waiting) == ("bob", "offline", 2)
            assert await mesh.agents("echo") == []
            await mesh.task(tasks[0]).cancel()
            capsys.readouterr()
            await show(mesh, Console(False, False, 0, ""), "")
            assert "bob    away, 1 task waiting" in capsys.readouterr().out
            await mesh.task(tasks[1]).cancel()
            assert await mesh.agents() == []


async def test_a_skill_that_nobody_has(capsys):
    async with mesh_of(agent("bob")) as mesh:
        await show(mesh, Console(False, False, 0, ""), "ecoh")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "  No agent has the skill ecoh. Did you mean echo?\n")
