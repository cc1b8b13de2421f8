"""What an agent does that work was delegated to: the first asker sees it, marked as its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chatixia.agent.model import delegating
from chatixia.agent.model.delegating import answer_of, passed_on
from chatixia.agent.skill import Skill
from chatixia.client.reply import Reply
from chatixia.errors import SkillFailed, TooLarge, Unreachable
from chatixia.wire.events import EVENT_KINDS, AgentEvent
from chatixia.world import REAL
from tests.agent.loopback import Loopback, Net
from tests.agent.model.local_engine import answering, call
from tests.agent.model.requests import ADA
from tests.agent.model.thinking import Thinking
from tests.agent.served import Served, client


async def look() -> str:
    """Look it up."""
    return "It rains."


async def test_the_asker_of_an_agent_sees_what_the_next_one_does():
    net = Net()
    script = answering([call("look")], ["It rains, I looked."])
    other = Thinking(net, "other", script, Skill("look", look, effect="read"))
    script = answering([call("delegate-task", agent="other", message="Rain?")], ["It does."])
    agent = Thinking(net, "a", script)
    seen: list[AgentEvent] = []
    async with client(net, ADA).agent("a").ask("Rain?") as pieces:
        async for step in pieces.events():
            seen += [step.event] if step.event is not None else []
    tools = [(event.kind, event.id, event.agent, event.name) for event in seen]
    outer = "call_delegate-task"
    assert tools == [
        ("tool_began", outer, "", "delegate-task"),
        ("delegated", outer, "other", ""),
        ("tool_began", f"{outer}/call_look", "other", "look"),
        ("tool_ended", f"{outer}/call_look", "other", "look"),
        ("usage", outer, "other", ""),
        ("tool_ended", outer, "", "delegate-task"),
        ("usage", "", "", ""),
    ]
    assert seen[3].text == '"It rains."'
    assert "It rains, I looked." in seen[5].text
    await agent.stop()
    await other.stop()


def test_what_another_agent_says_is_marked_as_its_own():
    for kind in (*EVENT_KINDS, "command", ""):
        told = passed_on(AgentEvent(kind, "c1", "x", text="y"), "other", "c0")
        wanted = "retry" if kind == "fallback" else kind
        if kind not in EVENT_KINDS:
            assert told is None
            continue
        assert told is not None
        assert (told.kind, told.id, told.agent, told.text) == (wanted, "c0/c1", "other", "y")
    further = passed_on(AgentEvent("tool_ended", agent="third"), "other", "c0")
    assert further is not None and (further.id, further.agent) == ("c0", "third")


class Asking:
    """A client of `other`, whose prompt handler is given."""

    def __init__(self, pieces: tuple[str | AgentEvent | Exception, ...]) -> None:
        self.net, self.told = Net(), list[AgentEvent]()
        self.other = Served(self.net, "other")
        self.other.prompts.set_answerer(Pieces(pieces))
        self.mesh = client(self.net)

    async def emit(self, event: AgentEvent) -> None:
        self.told.append(event)

    async def ask(self) -> Reply:
        handle = self.mesh.agent("other")
        return await answer_of(lambda: handle.ask("x"), "other", "c0", self.emit, REAL)


class Pieces:
    """Answers with what it was given."""

    def __init__(self, pieces: tuple[str | AgentEvent | Exception, ...]) -> None:
        self._pieces = pieces

    async def pieces(self, prompt: object, ctx: object) -> AsyncIterator[str | AgentEvent]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


async def test_what_it_took_back_is_not_in_its_answer():
    asking = Asking(("half an ", AgentEvent("fallback", text="it died", ok=False), "whole"))
    reply = await asking.ask()
    assert (reply.value, reply.agent, reply.via) == ("whole", "other", "direct")
    assert [(event.kind, event.text, event.agent) for event in asking.told] == [
        ("retry", "it died", "other")
    ]


async def test_its_error_is_the_error_of_the_call():
    asking = Asking(("half an ", SkillFailed("No.")))
    with pytest.raises(SkillFailed, match=r"No\."):
        await asking.ask()


async def test_an_answer_without_end_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(delegating, "MAX_ANSWER", 8)
    with pytest.raises(TooLarge, match="other said more than 8 characters"):
        await Asking(("12345678", "9")).ask()


async def test_without_links_the_queue_brings_it_in_one_piece(monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Loopback, out: object) -> None:
        raise Unreachable("A stream needs a link.")

    monkeypatch.setattr(Loopback, "stream", refuse)
    assert (await Asking(("one ", "piece")).ask()).value == "one piece"
