"""The agent of the conformance suite: ``python mcp_fixtures.py``; its skills have the names and
give what the suite asks for. Each call is a line in the file LEDGER."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode
from typing import Any

from chatixia import Agent, Artifact, Ctx
from chatixia.agent.skill import Skill
from chatixia.errors import SkillFailed

agent = Agent("conformance", "The fixtures of the conformance suite")
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAV = b64decode("UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=")
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}


def note(name: str) -> None:
    with open(os.environ["LEDGER"], "a") as ledger:
        ledger.write(f"{name}\n")


@agent.skill
async def test_simple_text() -> str:
    """Give a text."""
    note("test_simple_text")
    return "This is a simple text response for testing."


@agent.skill
async def test_image_content() -> Artifact:
    """Give an image."""
    note("test_image_content")
    return Artifact.of(PNG, name="a.png")


@agent.skill
async def test_audio_content() -> Artifact:
    """Give a sound."""
    note("test_audio_content")
    return Artifact.of(WAV, name="a.wav", media_type="audio/wav")


@agent.skill
async def test_embedded_resource() -> Artifact:
    """Give a text file."""
    note("test_embedded_resource")
    return Artifact.of(b"This is an embedded resource content.", name="a.txt")


@agent.skill
async def test_multiple_content_types() -> list[Any]:
    """Give a text, an image and a file."""
    note("test_multiple_content_types")
    file = Artifact.of(b'{"test":"data","value":123}', name="a.json")
    return ["Multiple content types test:", Artifact.of(PNG, name="a.png"), file]


@agent.skill
async def test_error_handling() -> None:
    """Fail."""
    note("test_error_handling")
    raise SkillFailed("This tool intentionally returns an error for testing")


@agent.skill
async def test_tool_with_progress(ctx: Ctx) -> str:
    """Tell how far it is, three times."""
    note("test_tool_with_progress")
    for step in (0.0, 0.5, 1.0):
        await ctx.progress(step, f"step {step}")
        await asyncio.sleep(0.25)  # it tells at most five reports a second
    return "done"


@agent.skill(as_prompt=True)
async def test_simple_prompt() -> str:
    """Give a message."""
    note("test_simple_prompt")
    return "This is a simple prompt for testing."


@agent.skill(as_prompt=True)
async def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """Give a message with two arguments in it."""
    note("test_prompt_with_arguments")
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@agent.skill(as_prompt=True)
async def test_prompt_with_embedded_resource(resourceUri: str) -> list[Any]:  # noqa: N803 - the suite's
    """Give a file and a message."""
    note("test_prompt_with_embedded_resource")
    file = Artifact.of(f"Embedded {resourceUri}".encode(), name="a.txt", media_type="text/plain")
    return [file, "Please process the embedded resource above."]


@agent.skill(as_prompt=True)
async def test_prompt_with_image() -> list[Any]:
    """Give an image and a message."""
    note("test_prompt_with_image")
    return [Artifact.of(PNG, name="a.png"), "Please analyze the image above."]


@agent.skill(resource="test://static-text")
async def static_text() -> str:
    """Give a text."""
    note("static_text")
    return "This is the content of the static text resource."


@agent.skill(resource="test://static-binary")
async def static_binary() -> Artifact:
    """Give an image."""
    note("static_binary")
    return Artifact.of(PNG, name="a.png")


@agent.skill(resource="test://template/{id}/data")
async def template(id: str) -> dict[str, Any]:  # noqa: A002 - the suite's
    """Give what belongs to an id."""
    note("template")
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}


@agent.skill
async def test_reconnection() -> str:
    """Take longer than the gateway lets a stream last."""
    note("test_reconnection")
    await asyncio.sleep(2.5)
    return "Reconnection test completed successfully."


async def shaped(**arguments: Any) -> str:
    """Take arguments of a schema with definitions."""
    note("json_schema_2020_12_tool")
    return "ok"


agent.add(Skill("json_schema_2020_12_tool", shaped, parameters=SCHEMA))

if __name__ == "__main__":
    agent.run()
