"""The examples with models, as they stand in their folders, run with scripted ones."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from chatixia.testing import ScriptCall, ScriptTurn, mesh_of, scripted

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    """The example's module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / name / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_questions_about_documents_on_many_agents(tmp_path: Path):
    for name, text in {
        "optics": "Light is bent by glass.\n\nA prism parts it into colours.",
        "gardens": "Roses want sun.\n\nA glass house keeps frost away.",
        "ships": "Oak was the wood of ships.",
    }.items():
        (tmp_path / f"{name}.txt").write_text(text)

    def search(turn: ScriptTurn) -> Iterable[ScriptCall]:
        for line in json.loads(turn.results["find-skill"]):
            args = {"agent": line["agent"], "skill": "search", "arguments": {"query": "glass"}}
            yield ScriptCall("call-skill", args)

    def answer(turn: ScriptTurn) -> Iterable[str]:
        yield from (text for text in turn.texts if text.startswith("tool call-skill"))

    model = scripted([ScriptCall("find-skill", {"query": "search document"})], search, answer)
    agents = example("documents").agents(tmp_path, model)
    assert [agent.name for agent in agents] == [
        "reads-gardens",
        "reads-optics",
        "reads-ships",
        "librarian",
    ]
    async with mesh_of(*agents) as mesh:
        async with mesh.agent("librarian").ask("Where is glass?") as items:
            steps = [step async for step in items.events()]
    text = "".join(step.item for step in steps if step.event is None)
    assert '"from":"reads-optics","via":"direct","value":["Light is bent by glass."]' in text
    assert "A glass house keeps frost away." in text
    assert "Oak" not in text
    events = [step.event for step in steps if step.event is not None]
    ended = [event.agent for event in events if event.kind == "tool_ended"]
    assert sorted(ended) == ["", "reads-gardens", "reads-optics", "reads-ships"]


async def test_a_room_of_chatting_agents():
    heard: dict[str, list[str]] = {}

    def says(name: str):
        def speak(turn: ScriptTurn) -> Iterable[str]:
            heard.setdefault(name, []).append(turn.last.partition("\n\n")[2])
            said = sum(text.startswith("model: ") for text in turn.texts)
            yield f"{name} says {said + 1}"

        return scripted(speak)

    room = example("room")
    agents = room.agents({name: says(name) for name in room.CHARACTERS})
    async with mesh_of(*agents) as mesh:
        async with mesh.agent("room").stream("talk", {"topic": "glass", "turns": 6}) as lines:
            spoken = [line async for line in lines]
    assert spoken == [
        *(f"{name}: {name} says 1" for name in room.CHARACTERS),
        *(f"{name}: {name} says 2" for name in room.CHARACTERS),
    ]
    assert heard["ada"] == ["The topic: glass", "bruno: bruno says 1\nclara: clara says 1"]
    assert heard["clara"][0] == "The topic: glass\nada: ada says 1\nbruno: bruno says 1"
