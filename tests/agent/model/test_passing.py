"""A run that nobody goes on with: its conversation is whole while it lasts, and nowhere after."""

from __future__ import annotations

from chatixia.agent.model.conversations import Conversations, key_of
from chatixia.agent.model.passing import PassingStore
from chatixia.agent.model.stored import prompt_message


async def test_it_has_its_messages_and_the_next_one_has_none():
    conversations = Conversations(PassingStore(), 10_000)
    key = key_of("ada", "", "r1")
    run = await conversations.begin(key, "r1")
    await run.keep([prompt_message("one")])
    await run.keep([prompt_message("two")])
    assert run.history == [prompt_message("one"), prompt_message("two")]
    await run.end()
    again = await conversations.begin(key, "r1")
    assert (again.history, again.resume, again.answer) == ([], False, None)
    assert await conversations.store.conversations() == []
    await conversations.store.close()


async def test_a_long_one_is_cut_and_nothing_is_folded():
    run = await Conversations(PassingStore(), 1_000).begin(key_of("ada", "", "r1"), "r1")
    for n in range(20):
        await run.keep([prompt_message(f"{n} " + "x" * 300)])
    await run.end()
    assert len(run.history) == 20
