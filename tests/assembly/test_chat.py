"""What a chat remembers of what was said, and what it writes down."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from chatixia.assembly.chat import Chat
from chatixia.errors import BadRequest, ConfigError, MeshError, Unavailable
from tests.agent.loopback import Net
from tests.agent.served import Served, client


async def reply(text: str) -> AsyncIterator[str]:
    yield "You said: "
    if text == "fail":
        raise Unavailable("It is away.")
    yield text


@pytest.fixture
def net() -> Any:
    made = Net()
    served = Served(made, "helper", prompt=reply)
    yield made
    served.close()


async def ask(chat: Chat, text: str) -> str:
    async with aclosing(chat.ask(text)) as steps:
        return "".join([str(step.item) async for step in steps if step.item is not None])


async def test_a_conversation_has_its_own_session_and_its_transcript(net: Net):
    chat = Chat(client(net), "helper")
    assert await ask(chat, "one") == "You said: one"
    with pytest.raises(MeshError):
        await ask(chat, "fail")
    assert chat.last == "fail"
    assert chat.markdown() == (
        f"# helper, {chat.session}\n\n**you:** one\n\nYou said: one\n\n"
        "**you:** fail\n\nYou said: \n\n*It is away.*\n"
    )
    before = chat.session
    assert chat.new() != before
    with pytest.raises(BadRequest, match="Nothing was asked"):
        _ = chat.last


async def test_an_answer_that_is_left_is_marked(net: Net):
    chat = Chat(client(net), "helper", "s")
    steps = chat.ask("one")
    assert (await anext(steps)).item == "You said: "
    await steps.aclose()
    assert (chat.turns[0].answer, chat.turns[0].error) == ("You said: ", "interrupted")


async def test_a_word_meanwhile_that_nobody_takes_is_no_part_of_it(net: Net):
    chat = Chat(client(net), "helper", "s")
    assert not await chat.steer("shorter")
    assert not await Chat(client(net), "nobody", "s").steer("shorter")
    assert chat.turns == []


async def test_it_is_written_to_a_new_file_of_this_user(net: Net, tmp_path: Path):
    chat = Chat(client(net), "helper", "s")
    await ask(chat, "one")
    path = chat.export(str(tmp_path / "talk.md"))
    assert path.read_text() == chat.markdown()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for place, says in ((path, "is there already"), (tmp_path / "no" / "x.md", "cannot be")):
        with pytest.raises(ConfigError, match=says):
            chat.export(str(place))
