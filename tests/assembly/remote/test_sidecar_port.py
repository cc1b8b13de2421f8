"""The same Agent on the other side of the same port: an agent behind a sidecar's socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatixia import Agent, Artifact, Ctx
from chatixia.assembly.remote.sidecar_port import SidecarPort
from chatixia.assembly.remote.sidecar_stream import advance
from chatixia.core.ports import CallAnswer, Outgoing
from chatixia.errors import Cancelled, SkillFailed, UnknownSkill
from chatixia.ids import AgentId
from chatixia.wire.ipc import ItemPayload, ProgressPayload
from chatixia.wire.ipc_events import ItemEvent, ProgressEvent
from chatixia.wire.registry import AgentQuery, Agents
from chatixia.wire.signaling import TaskDone, TaskProgress
from chatixia.wire.tasks import Task
from tests.sidecar.rig import Rig, ScriptedStream, incoming, sidecar
from tests.until import until

TASK = "t_" + "a" * 26


class Served:
    """An agent behind a sidecar."""

    def __init__(self, rig: Rig, agent: Agent, port: SidecarPort) -> None:
        self.rig, self.agent, self.port = rig, agent, port

    async def ask(self, skill: str, body: bytes = b"{}", **more: Any) -> Any:
        answers, task = self.rig.ask(incoming(skill, body, **more))
        await asyncio.wait_for(task, 10)
        return answers


def weather() -> Agent:
    agent = Agent("weather", "Forecasts")

    @agent.skill
    async def forecast(city: str) -> dict[str, Any]:
        return {"city": city}

    @agent.skill
    async def tell(ctx: Ctx) -> AsyncIterator[int]:
        await ctx.progress(0.5, "half")
        for n in range(100):
            yield n

    @agent.skill
    async def report(ctx: Ctx) -> Any:
        return await ctx.agent("bob").forecast(city="Oslo")

    @agent.skill
    async def breaks() -> None:
        raise SkillFailed("no such city")

    @agent.skill
    async def waits(ctx: Ctx) -> None:
        await asyncio.Event().wait()

    @agent.prompt
    async def reply(text: str) -> str:
        return text.upper()

    add_files(agent)
    return agent


def add_files(agent: Agent) -> None:
    """Skills that take and give files."""

    @agent.skill
    async def copy(file: Artifact) -> Artifact:
        return Artifact.of(await file.read() + b"!", name="copy.txt")

    @agent.skill
    async def pieces(count: int) -> AsyncIterator[Artifact]:
        for n in range(count):
            yield Artifact.of(f"{n}th".encode(), name=f"{n}.txt")


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Served]:
    async with sidecar(folder) as rig:
        agent, port = weather(), SidecarPort(rig.path, "weather")
        agent.attach(port)
        await port.start()
        yield Served(rig, agent, port)
        await port.stop()


async def test_its_skills_are_served(tmp_path: Path):
    async with served(tmp_path) as one:
        assert (await one.ask("forecast", b'{"city":"Oslo"}')).value == b'{"city":"Oslo"}'
        answers = await one.ask("tell", stream=True)
        assert [int(item) for item in answers.items] == list(range(100))
        assert answers.steps == [(0.5, "half")]
        error = (await one.ask("breaks")).error
        assert (error.code, error.message, error.agent) == (
            "skill_failed",
            "breaks: no such city",
            "weather",
        ) or error.message == "no such city"
        assert (await one.ask("forecast", b'{"city":3}')).error.code == "bad_arguments"
        prompt = await one.ask("", b'{"text":"hi"}', kind="prompt")
        assert prompt.value == b'"HI"'
        with pytest.raises(UnknownSkill):
            await one.ask("nope")


async def test_a_call_made_while_serving_names_its_request(tmp_path: Path):
    async with served(tmp_path) as one:
        answers = await one.ask("report")
        assert answers.value == b'{"city":"Oslo"}'
        [asked] = one.rig.port.asked
        assert (asked.path, asked.traceparent) == (("carol", "alice"), "00-a-b-01")
        with pytest.raises(Cancelled):
            one.port.cause(("carol", "alice"))


async def test_a_cancel_reaches_the_skill(tmp_path: Path):
    async with served(tmp_path) as one:
        answers, task = one.rig.ask(incoming("waits", b"{}"))
        await until(lambda: one.port._requests)
        task.cancel()
        await until(lambda: not one.port._requests)
        assert answers.error is None


async def test_it_calls_streams_and_asks(tmp_path: Path):
    async with served(tmp_path) as one:
        bob = one.agent.mesh.agent("bob")
        assert await bob.forecast(city="Oslo") == {"city": "Oslo"}
        one.rig.port.streams.append(ScriptedStream([b"1", b"2"]))
        async with bob.stream("tell") as items:
            assert [item async for item in items] == [1, 2]
        one.rig.port.streams.append(ScriptedStream([b"1"], SkillFailed("broke")))
        with pytest.raises(SkillFailed):
            async with bob.stream("tell") as items:
                assert [item async for item in items] == [1]
        one.rig.port.streams.append(stream := ScriptedStream([b"1"] * 1000))
        async with bob.stream("tell") as items:
            async for _ in items:
                break
        await until(lambda: stream.closed)
        outgoing = Outgoing(AgentId("bob"), body=b'{"text":"hi"}', kind="prompt")
        assert (await one.port.call(outgoing)).value == b'{"text":"hi"}'
        outgoing = Outgoing(AgentId("bob"), body=b"{}", kind="skills")
        await one.port.call(outgoing)
        assert [asked.kind for asked in one.rig.port.asked[-2:]] == ["prompt", "skills"]


async def test_verbs_pings_links_and_watches(tmp_path: Path):
    async with served(tmp_path) as one:
        one.rig.port.reply = Agents([])
        assert (await one.port.verb("agents.list", AgentQuery())).agents == []
        assert (await one.port.ping(AgentId("bob"))).ms == 0.5
        one.rig.port.peers = ["bob"]
        one.port._links_at = -10.0
        await until(lambda: [link.peer for link in one.port.links()] == ["bob"])
        one.rig.port.pushes = [TaskProgress(TASK, "", 1, 0.5, ""), TaskDone(Task(TASK, "failed"))]
        seen = [type(push) async for push in one.port.watch(TASK, 5)]
        assert seen == [TaskProgress, TaskDone]


async def test_an_artifact_comes_and_goes_as_a_file(tmp_path: Path):
    from tests.sidecar.test_answers import Feed

    class Right(Feed):
        def __init__(self) -> None:
            super().__init__()
            self.info.sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    async with served(tmp_path) as one:
        body = b'{"file":{"$artifact":0}}'
        answers = await one.ask("copy", body, artifacts=(Right(),))
        assert answers.error is None, answers.error
        assert (answers.lent, answers.value) == ([b"abc"], b'{"$artifact":0}')
        await one.port.call(
            Outgoing(
                AgentId("bob"),
                "keep",
                b'{"f":{"$artifact":0}}',
                artifacts=(Artifact.of(b"xyz", name="x").source,),
            )
        )
        [source] = one.rig.port.asked[-1].artifacts
        [lent] = Path(one.port.folder).glob("out-*")  # that of the answer, which may be pulled yet
        assert (lent.read_bytes(), str(lent) == source.path) == (b"abc!", False)


async def test_items_of_a_stream_bring_artifacts(tmp_path: Path):
    from tests.sidecar.test_answers import Feed

    async with served(tmp_path) as one:
        feed = Feed()
        feed.info.sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        stream = ScriptedStream([b'{"$artifact":0}', b'{"f":{"$artifact":0}}'])
        stream.artifacts = (feed,)  # type: ignore[assignment]
        one.rig.port.streams.append(stream)
        async with one.agent.mesh.agent("bob").stream("files") as items:
            first = await anext(items)
            assert (first.name, await first.read()) == ("photo.png", b"abc")
            assert (await (await anext(items)).f.read()) == b"abc"
        answers = await one.ask("pieces", b'{"count":2}', stream=True)
        assert answers.error is None, answers.error
        assert (answers.lent, answers.items) == ([b"0th", b"1th"], [b'{"$artifact":0}'] * 2)


async def test_the_end_of_the_sidecar_ends_what_it_asked_for(tmp_path: Path):
    async with served(tmp_path) as one:
        one.rig.ask(incoming("waits", b"{}"))
        await until(lambda: one.port._requests)
        assert one.rig.server._program is not None
        one.rig.server._program.transport.abort()  # type: ignore[union-attr]
        await until(lambda: not one.port._requests)
        await until(lambda: one.port.client.line is not None)
        assert (await one.ask("forecast", b'{"city":"Oslo"}')).value == b'{"city":"Oslo"}'


async def test_a_request_that_waited_is_answered_in_the_batch_of_the_hello(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        waiting = [rig.ask(incoming(body=b'{"city":"Oslo"}')) for _ in range(20)]
        agent, port = weather(), SidecarPort(rig.path, "weather")
        agent.attach(port)
        await port.start()
        await asyncio.wait_for(asyncio.gather(*(task for _, task in waiting)), 10)
        assert {answers.value for answers, _ in waiting} == {b'{"city":"Oslo"}'}
        await port.stop()


async def test_a_drain_waits_for_what_runs(tmp_path: Path):
    async with served(tmp_path) as one:
        one.rig.ask(incoming("waits", b"{}"))
        await until(lambda: one.port._requests)
        await one.port.drain(0.05)
        assert one.port._requests
        await until(lambda: (one.rig.port.skills, one.rig.port.slots) == ([], 0))
        late = one.rig.ask(incoming("waits", b"{}"))[1]
        await until(lambda: one.rig.server.table.waiting == 1)
        assert not late.done()


def test_progress_of_an_asker_that_breaks_ends_nothing():
    heard: list[Any] = []

    def breaks(fraction: float | None, note: str) -> None:
        heard.append(fraction)
        raise ZeroDivisionError

    outgoing = Outgoing(AgentId("bob"), on_progress=breaks)
    for _ in range(2):
        advance(outgoing, ProgressEvent(ProgressPayload(0.5)))
    advance(outgoing, ItemEvent(ItemPayload()))
    assert heard == [0.5]
    assert isinstance(CallAnswer(b"", "", 0.0, AgentId("a")), CallAnswer)
