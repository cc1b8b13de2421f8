"""`call` over a network in memory: what is typed, sent and printed."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Annotated
from unittest.mock import AsyncMock

import pytest
from msgspec import Meta

from chatixia import Agent, connect
from chatixia.cli import call as command
from chatixia.cli.call import TypedCall, explain, perform
from chatixia.cli.common import Console
from chatixia.cli.submit import Terms
from chatixia.client.reply import Reply
from chatixia.errors import (
    BadArguments,
    DeadlineExceeded,
    SkillFailed,
    TooLarge,
    UnknownAgent,
    UnknownSkill,
    Unreachable,
)
from chatixia.testing import mesh_of
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.tasks import Query


def weather() -> Agent:
    agent = Agent("weather", "Forecasts")

    @agent.skill
    async def forecast(city: str, days: int = 3) -> dict:
        """Forecast for a city."""
        return {"city": city, "days": days, "high_c": 3.1}

    @agent.skill
    async def fails() -> None:
        raise ValueError("no wind")

    @agent.skill
    async def tell(words: int) -> AsyncIterator[str]:
        """Says words."""
        for number in range(words):
            yield f"word{number} "

    @agent.skill
    async def rows(count: int) -> AsyncIterator[dict]:
        for number in range(count):
            yield {"n": number}

    return agent


def request(skill: str, *words: str, agent: str = "weather", timeout: float = 5.0) -> TypedCall:
    return TypedCall(agent, skill, words, timeout, False, "never", command.read)


async def run(asked: TypedCall, as_json: bool = False) -> None:
    async with mesh_of(weather()) as mesh:
        await perform(mesh, Console(as_json, False, 0, ""), asked)


async def test_a_call_as_in_the_transcript(capsys):
    await run(request("forecast", "city=Oslo", "days=2"))
    out, err = capsys.readouterr()
    assert out == '{"city":"Oslo","days":2,"high_c":3.1}\n'
    assert re.fullmatch(
        r"  weather, direct \(memory:weather\), \d+ ms, link opened in \d+ ms\n", err
    )


async def test_this_machine_needs_no_address(capsys, monkeypatch):
    monkeypatch.setattr("chatixia.assembly.serve.addresses.lan_addresses", lambda: ["192.168.1.20"])
    for where in ("192.168.1.20:5", "127.0.0.1:5"):
        command.show(Console(False, False, 0, ""), Reply(1, "direct", 9.0, "weather", 2.0, where))
        assert capsys.readouterr().err == "  weather, direct, 9 ms\n"


async def test_json(capsys):
    await run(request("forecast", "city=Oslo"), as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert (said["v"], said["kind"], said["agent"], said["via"]) == (
        1,
        "reply",
        "weather",
        "direct",
    )
    assert said["value"] == {"city": "Oslo", "days": 3, "high_c": 3.1}


async def test_a_value_that_does_not_fit_is_refused_by_the_agent():
    with pytest.raises(BadArguments, match="days"):
        await run(request("forecast", "city=Oslo", "days=many"))


async def test_a_stream_of_text(capsys):
    await run(request("tell", "words=3"))
    out, err = capsys.readouterr()
    assert out == "word0 word1 word2 \n"
    assert err == "  weather, direct, 3 items\n"


async def test_a_pipe_gets_the_bytes_that_the_skill_gave(capfdbinary):
    agent, text = Agent("weather"), "one\r\ntwo \x1b[1m\r"

    @agent.skill
    async def raw() -> str:
        return text

    @agent.skill
    async def flow() -> AsyncIterator[str]:
        yield text
        yield "\n"

    async with mesh_of(agent) as mesh:
        for skill in ("raw", "flow"):
            await perform(mesh, Console(False, True, 0, ""), request(skill))
            assert capfdbinary.readouterr().out == f"{text}\n".encode()


async def test_a_stream_of_objects_is_a_line_each(capsys):
    await run(request("rows", "count=2"))
    assert capsys.readouterr().out == '{"n":0}\n{"n":1}\n'
    await run(request("rows", "count=2"), as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kind"] for line in lines] == ["item", "item", "end"]
    assert lines[-1]["items"] == 2


async def test_an_unknown_skill_names_the_nearest():
    with pytest.raises(UnknownSkill) as caught:
        await run(request("forcast", "city=Oslo"))
    assert caught.value.__notes__ == ["Did you mean forecast?"]


async def test_an_unknown_agent_names_the_nearest():
    with pytest.raises(UnknownAgent) as caught:
        await run(request("forecast", agent="wether"))
    assert caught.value.__notes__ == ["Did you mean weather?"]


async def test_who_is_away_is_known_to_the_queue(home):
    """Not listed, as after a restart of the registry; the call itself knows a member."""
    console = Console(False, False, 0, "")
    async with RegistryHarness(home) as registry:
        async with weather():
            pass
        await registry.stop()
        await registry.start()
        async with connect() as mesh:
            assert await mesh.agents() == []
            asked = request("forecast", "city=Oslo", timeout=1.0)
            for queue in ("auto", "only", "never"):
                with pytest.raises(UnknownAgent if queue == "never" else Unreachable) as caught:
                    await perform(mesh, console, asked._replace(queue=queue))
                assert ("weather did not come for" in str(caught.value)) == (queue != "never")
                assert caught.value.agent == "weather"
            tasks = (await mesh.verb("tasks.list", Query())).tasks
            assert [task.target_agent_id for task in tasks] == ["weather"] * 2
            for queue in ("auto", "only", "never"):
                with pytest.raises(UnknownAgent, match="No agent named wether is in the mesh."):
                    await perform(mesh, console, asked._replace(agent="wether", queue=queue))


async def test_what_is_left_in_the_queue_fits_the_skills_schema():
    console, terms = Console(False, False, 0, ""), Terms()
    async with mesh_of(weather()) as mesh:
        for words, sentence in (
            ([], "the argument city is missing"),
            (["city=Oslo", "days=two"], "days: expected integer, got string"),
            (["city=Oslo", "day=2"], "there is no argument day"),
        ):
            for agent in ("weather", ""):
                asked = request("forecast", *words, agent=agent)._replace(terms=terms)
                with pytest.raises(BadArguments, match=sentence) as caught:
                    await perform(mesh, console, asked)
                notes = getattr(caught.value, "__notes__", [])
                assert notes == ["See `chatixia call weather forecast --help`."] * bool(agent)
        assert not (await mesh.verb("tasks.list", Query())).tasks
        fine = request("forecast", "city=Oslo", "days=2")._replace(terms=terms)
        await perform(mesh, console, fine)
        assert len((await mesh.verb("tasks.list", Query())).tasks) == 1


async def test_who_was_away_refuses_text_where_it_wants_a_number(home, monkeypatch):
    async with RegistryHarness(home), weather(), connect() as mesh:
        unlisted = UnknownAgent("No agent named weather is in the mesh.", agent="weather")
        monkeypatch.setattr(mesh, "skills", AsyncMock(side_effect=unlisted))
        console = Console(False, False, 0, "")
        asked = request("forecast", "city=Oslo", "days=2")._replace(queue="only")
        with pytest.raises(BadArguments) as caught:
            await perform(mesh, console, asked)
        assert "name:=JSON" in caught.value.__notes__[0]
        with pytest.raises(BadArguments) as caught:
            await perform(mesh, console, asked._replace(words=["Oslo"]))
        assert "--help" in caught.value.__notes__[0]
        await perform(mesh, console, asked._replace(words=["city=Oslo", "days:=2"]))


async def test_the_queue_carries_a_stream_whole(home, capsys):
    async with RegistryHarness(home), weather(), connect() as mesh:
        for skill, word, out in (
            ("tell", "words=2", "word0 word1 \n"),
            ("rows", "count=2", '{"n":0}\n{"n":1}\n'),
        ):
            await perform(
                mesh, Console(False, False, 0, ""), request(skill, word)._replace(queue="only")
            )
            assert capsys.readouterr() == (out, "  weather, queue, plain, 2 items\n")
        asked = request("rows", "count=1")._replace(queue="only")
        await perform(mesh, Console(True, False, 0, ""), asked)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["kind"] for line in lines] == ["item", "end"]
        assert (lines[0]["item"], lines[1]["via"]) == ({"n": 0}, "queue, plain")


def test_a_call_that_nobody_waits_for(registry, type_):
    async def once() -> None:
        async with weather():
            pass

    asyncio.run(once())
    words = ("call", "weather", "forecast", "city=Oslo", "--no-wait")
    for more, deadline, tries in (
        ((), 86_400, 1),
        (("--timeout", "90"), 90, 1),
        (("--idempotent",), 86_400, 3),
    ):
        done = type_(*words, *more)
        assert done.code == 0, done.err
        row = type_("tasks", "show", done.out.strip(), "--json").json["task"]
        assert deadline - 30 < row["deadline_ms"] / 1000 <= deadline
        assert row.get("max_attempts", 3) == tries
    assert type_(*words, "--direct").code == 2


async def test_nobody_is_left_work_that_it_cannot_do():
    asked = request("forcast", "city=Oslo")._replace(terms=Terms(), queue="auto")
    with pytest.raises(UnknownSkill) as caught:
        await run(asked)
    assert caught.value.__notes__ == ["Did you mean forecast?"]


async def test_a_stream_that_no_link_takes_says_what_would():
    agent = weather()
    async with mesh_of(agent) as mesh:
        mesh._context.port.driver.network.cut(mesh.id, "weather", keep=True)
        asked = request("tell", "words=1", timeout=1.0)
        with pytest.raises(Unreachable) as caught:
            await perform(mesh, Console(False, False, 0, ""), asked._replace(queue="auto"))
        assert "`--queue`" in caught.value.__notes__[0]
        assert caught.value.message == "No link to weather opened before the deadline."
        with pytest.raises(Unreachable) as caught:
            await perform(mesh, Console(False, False, 0, ""), asked)
        assert not hasattr(caught.value, "__notes__")


async def test_a_skill_that_raises():
    with pytest.raises(SkillFailed):
        await run(request("fails"))


async def test_help_of_an_agent_and_of_a_skill(capsys):
    async with mesh_of(weather()) as mesh:
        console = Console(False, False, 0, "")
        await explain(mesh, console, request(""))
        assert "forecast  Forecast for a city." in capsys.readouterr().out
        await explain(mesh, console, request("forecast"))
        out = capsys.readouterr().out
        assert "city" in out and "string, required" in out and "integer, default 3" in out
        assert "returns" in out and "object" in out
        with pytest.raises(UnknownSkill):
            await explain(mesh, console, request("forcast"))


def test_files_and_standard_input(tmp_path, monkeypatch):
    (tmp_path / "text").write_text("two\nlines")
    assert command.read(str(tmp_path / "text")) == b"two\nlines"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"{}")))
    assert command.read("-") == b"{}"


@pytest.mark.parametrize("content", [None, b"x" * 33])
def test_what_cannot_be_read(tmp_path, monkeypatch, content):
    monkeypatch.setattr(command, "MAX_INPUT", 32)
    if content is not None:
        (tmp_path / "text").write_bytes(content)
    large = content == b"x" * 33
    with pytest.raises(
        TooLarge if large else BadArguments, match="too large" if large else "text cannot be read"
    ):
        command.read(str(tmp_path / "text"))


def test_ctrl_c_while_standard_input_says_nothing(home, type_, monkeypatch):
    """Inside the loop of a mesh the read would swallow it: it comes before."""

    class Terminal:
        def read(self, _size: int) -> bytes:
            raise KeyboardInterrupt

    entered = []
    monkeypatch.setattr(command, "in_mesh", lambda *_: entered.append(True))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=Terminal(), read=Terminal().read))
    done = type_("call", "weather", "forecast", "-")
    assert (done.code, done.out, done.err, entered) == (130, "", "", [])


@pytest.mark.parametrize("command", ["call", "ping", "ask"])
@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "86401", "soon"])
def test_a_time_that_no_call_can_have(home, type_, command, seconds):
    done = type_(command, "weather", "forecast", "--timeout", seconds)
    assert (done.code, "--timeout" in done.err) == (2, True)


def test_agent_and_skill_may_be_one_word(type_, monkeypatch):
    asked = []
    monkeypatch.setattr(command, "in_mesh", lambda console, work, timeout: work(None))
    monkeypatch.setattr(command, "perform", lambda mesh, console, request: asked.append(request))
    type_("call", "weather/forecast", "city=Oslo", "--direct")
    type_("call", "weather", "forecast", "city=Oslo", "--queue", "--timeout", "2")
    assert [(r.agent, r.skill, r.words, r.queue) for r in asked] == [
        ("weather", "forecast", ("city=Oslo",), "never"),
        ("weather", "forecast", ("city=Oslo",), "only"),
    ]


@pytest.mark.parametrize("words", [[], ["weather"]])
def test_too_few_words(type_, words):
    assert type_("call", *words).code == 2


def test_deadline_is_a_mesh_error():
    assert DeadlineExceeded.exit == 5


def test_a_call_cannot_be_for_the_queue_only_and_never(home, type_):
    done = type_("call", "weather", "forecast", "--direct", "--queue")
    assert (done.code, "cannot be used together" in done.err) == (2, True)


async def test_a_foreign_description_forges_no_row(capsys):
    agent = Agent("weather")

    @agent.skill(description="Mine.\n  wipe  Wipes the disk\u202e")
    async def bare(a: Annotated[int, Meta(description="x\n  b  string")]) -> None: ...

    async with mesh_of(agent) as mesh:
        await explain(mesh, Console(False, False, 0, ""), request(""))
        assert capsys.readouterr().out == "  bare  Mine. wipe Wipes the disk�\n"
        await explain(mesh, Console(False, False, 0, ""), request("bare"))
        out = capsys.readouterr().out
        assert "x b string" in out and "Mine. wipe" in out and out.count("\n") == 3


async def test_a_skill_without_description_is_listed(capsys):
    agent = Agent("weather")

    @agent.skill
    async def bare() -> None: ...

    async with mesh_of(agent) as mesh:
        await explain(mesh, Console(False, False, 0, ""), request(""))
        assert capsys.readouterr().out == "  bare  no description\n"
        await explain(mesh, Console(False, False, 0, ""), request("bare"))
        assert capsys.readouterr().out.split("\n")[0].strip() == "takes no arguments"


def test_a_name_that_is_known_gets_no_hint():
    error = command.suggest(UnknownAgent("foo is away."), "foo", ["foo", "foo-1"])
    assert not getattr(error, "__notes__", [])


def test_without_a_skill_it_says_where_those_are_shown(type_, home):
    done = type_("call", "weather")
    assert done.code == 2
    assert "Name a skill of weather" in done.err and "`chatixia call weather --help`" in done.err
