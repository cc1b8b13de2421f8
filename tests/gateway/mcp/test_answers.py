"""A tool's result as a text for a model and as a value for a caller."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import mcp_types as types

from chatixia.client.artifact import Artifact
from chatixia.gateway.mcp.answers import MOST_PARTS, answer

PNG = b64encode(b"\x89PNG").decode()


def read(*parts: Any, **more: Any) -> Any:
    return answer(types.CallToolResult(content=list(parts), **more))


def text(words: str) -> types.TextContent:
    return types.TextContent(type="text", text=words)


def test_texts_and_structured_content():
    assert (read(text("a"), text("b")).text, read(text("a")).value) == ("a\nb", "a")
    both = read(text("a"), structured_content={"n": 1})
    assert (both.text, both.value) == ("a", {"n": 1})
    alone = read(structured_content={"n": 1})
    assert (alone.text, alone.value) == ('{"n":1}', {"n": 1})
    assert read(text("no"), is_error=True).failed


def test_files_are_artifacts_and_a_model_reads_no_bytes():
    image = types.ImageContent(type="image", data=PNG, mime_type="image/png")
    found = read(text("see"), image)
    assert found.text == "see\n[image image/png, 4 bytes]"
    assert found.value[0].startswith("see")
    assert isinstance(found.value[1], Artifact)
    assert (found.value[1].media_type, found.value[1].size) == ("image/png", 4)


def test_what_cannot_be_read_is_said():
    broken = types.AudioContent(type="audio", data="%%%", mime_type="audio/wav")
    assert read(broken).text == "[audio that cannot be read]"


def test_resources():
    inner = types.TextResourceContents(uri="x://a", text="plum")
    assert read(types.EmbeddedResource(type="resource", resource=inner)).text == "plum"
    link = types.ResourceLink(type="resource_link", uri="x://a", name="a")
    assert read(link).text == "[resource a: x://a]"


def test_parts_are_bounded():
    assert read(*[text("x")] * 1000).text.count("x") == MOST_PARTS
