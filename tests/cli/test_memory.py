"""``chatixia memory``: conversations listed, shown, exported whole, and forgotten."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from chatixia.agent.model.stored import prompt_message
from chatixia.store.local.agent_store import AgentStore
from chatixia.store.local.conversations import ConversationKey, StoredMessage
from tests.agent.model.test_conversations import response, result
from tests.assembly.profile.test_profile import create


async def fill(path: Path) -> None:
    store = AgentStore(path)
    keys = [ConversationKey("laptop~", "main"), ConversationKey("bob", "", "t_x")]
    for n, key in enumerate(keys, 1):
        run = await store.open_run(key, f"r{n}", 1000.0 * n)
        bodies = [
            prompt_message(f"Question {n}\nof two lines"),
            response("", c="find"),
            result("c", "Oslo"),
            response(f"Answer {n}\x1b[31m."),
        ]
        messages = [StoredMessage(body) for body in bodies]
        await store.append(run.conversation.id, f"r{n}", messages, 1000.0 * n)
        await store.end_run(run.conversation.id, f"r{n}")
    await store.close()


@pytest.fixture
def helper(home: Path) -> str:
    folder = create(home).agent_dir("helper")
    folder.mkdir(parents=True)
    asyncio.run(fill(folder / "local.db"))
    return "helper"


def test_they_are_listed_with_their_callers(helper: str, type_: Any):
    done = type_("memory", "list", helper)
    assert done.code == 0
    heads, *lines = [line.split()[:3] for line in done.out.splitlines()]
    assert heads == ["caller", "session", "messages"]
    assert lines == [["bob", "task", "t_x"], ["laptop~", "main", "4"]]
    [bob, laptop] = type_("memory", "list", helper, "--json").json["conversations"]
    assert (bob["task"], laptop["session"], laptop["messages"]) == ("t_x", "main", 4)


def test_one_is_shown_as_it_was_said(helper: str, type_: Any):
    out = type_("memory", "show", helper, "laptop~abcdef").out.splitlines()
    assert out[0].startswith("  laptop~ with helper, main, ")
    assert [line.strip() for line in out[1:4]] == [
        "> Question 1",
        "> of two lines",
        "calls find {}",
    ]
    assert out[4].strip() == "gives t Oslo"
    assert "Question 2" in type_("memory", "show", helper).out
    shown = type_("memory", "show", helper, "bob", "t_x", "--json").json
    assert shown["log"][0]["message"]["parts"][0]["content"].startswith("Question 2")


def test_all_or_those_of_one_are_exported_whole(helper: str, type_: Any):
    lines = [json.loads(line) for line in type_("memory", "export", helper).out.splitlines()]
    assert [(line["kind"], line["caller"]) for line in lines] == [
        ("conversation", "bob"),
        ("conversation", "laptop~"),
    ]
    assert [len(line["log"]) for line in lines] == [4, 4]
    assert "\\u001b[31m" in type_("memory", "export", helper, "bob").out
    assert len(type_("memory", "export", helper, "laptop~", "main").out.splitlines()) == 1


def test_one_and_all_are_forgotten(helper: str, type_: Any):
    done = type_("memory", "forget", helper, "laptop~", "main", "--json")
    assert done.json["conversations"] == 1
    assert "forgotten 1 conversation of helper" in type_("memory", "forget", helper, "--all").err
    assert "helper has no conversations" in type_("memory", "list", helper).err


def test_what_is_not_there_is_said_so(helper: str, type_: Any):
    for words in (("show", helper, "eve"), ("forget", helper, "bob", "other"), ("show", "unknown")):
        done = type_("memory", *words)
        assert (done.code, done.out) == (1, "")
        assert done.err.count("\n") == 1
    assert type_("memory", "forget", helper).code == 2
    assert type_("memory", "forget", helper, "bob", "--all").code == 2
