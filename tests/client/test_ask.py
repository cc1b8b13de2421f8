"""A question: what goes with it, and when it ends."""

import asyncio

import msgspec
import pytest

from chatixia.client import ask as module
from chatixia.client import handle
from chatixia.client.ask import encode_schema
from chatixia.core.ports import Incoming, Responder
from chatixia.errors import BadArguments, DeadlineExceeded, TooLarge
from chatixia.wire.events import EMPTY_ITEM, AgentEvent, pack
from chatixia.wire.peer import Prompt
from tests.agent.loopback import Net
from tests.agent.served import client


@pytest.fixture
def net():
    return Net()


async def test_what_goes_with_a_question(net: Net):
    prompts = []

    async def handler(incoming: Incoming, responder: Responder) -> None:
        prompts.append(msgspec.json.decode(incoming.body, type=Prompt))
        responder.reply(b'"yes"')

    net.port("b").serve(handler, [], 1)
    question = client(net).agent("b").ask("x", session_id="s", returns={"a": 1}, dry_run=True)
    assert await question == "yes"
    (prompt,) = prompts
    assert (prompt.message, prompt.session_id, prompt.dry_run) == ("x", "s", True)
    assert bytes(prompt.returns) == b'{"a":1}'
    assert net.log[0][1].timeout == 600


async def test_a_handle_with_a_timeout_keeps_it(net: Net):
    async def handler(incoming: Incoming, responder: Responder) -> None:
        responder.reply(b'"yes"')

    net.port("b").serve(handler, [], 1)
    await client(net).agent("b", timeout=7).ask("x")
    await client(net).agent("b").call("any")
    assert [out.timeout for _, out in net.log] == [7, 30]


@pytest.mark.parametrize("sign", ["text", "event", "progress"])
@pytest.mark.parametrize("events", [False, True])
async def test_silence_ends_it_and_a_sign_of_life_does_not(
    net: Net, monkeypatch: pytest.MonkeyPatch, sign: str, events: bool
):
    if sign == "progress" and not events:
        return  # nobody listens for it
    monkeypatch.setattr(handle, "SILENCE_S", 0.4)
    ended = asyncio.Event()

    async def slow(incoming: Incoming, responder: Responder) -> None:
        try:
            for _ in range(3):
                await asyncio.sleep(0.25)
                if sign == "text":
                    await responder.item(b'"a"')
                elif sign == "event":
                    await responder.item(EMPTY_ITEM, event=pack(AgentEvent("thinking")))
                else:
                    responder.progress(0.5, "")
            await asyncio.Event().wait()
        finally:
            ended.set()

    net.port("b").serve(slow, [], 1)
    began = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineExceeded, match="b has said nothing for 0.4 s"):
        async with asyncio.timeout(10), client(net).agent("b").ask("x") as pieces:
            async for _ in pieces.events() if events else pieces:
                pass
    assert asyncio.get_running_loop().time() - began > 1.1
    await asyncio.wait_for(ended.wait(), 5)


def test_a_schema_is_a_bounded_object(monkeypatch: pytest.MonkeyPatch):
    assert encode_schema({"type": "string"}) == b'{"type":"string"}'
    monkeypatch.setattr(module, "MAX_SCHEMA", 10)
    with pytest.raises(TooLarge):
        encode_schema({"type": "string"})
    with pytest.raises(BadArguments):
        encode_schema({"type": object()})
