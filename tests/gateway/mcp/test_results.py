"""A skill's value as the content of a result: texts, objects, artifacts inline or by link."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from chatixia.client.artifact import Artifact
from chatixia.errors import Denied, NotFound
from chatixia.gateway.mcp import results
from chatixia.gateway.mcp.resource_store import ResourceStore
from chatixia.gateway.mcp.results import MAX_INLINE, failed, tool_result

PNG = b"\x89PNG\r\n"


async def content(value: Any) -> list[Any]:
    return list((await tool_result(value, "ann", "tool", ResourceStore())).content)


@pytest.mark.parametrize(
    ("value", "text", "structured"),
    [
        ("plum", "plum", None),
        (3, "3", None),
        (None, "null", None),
        ([1, 2], "[1,2]", None),
        ({"a": 1}, '{"a":1}', {"a": 1}),
    ],
)
async def test_values(value: Any, text: str, structured: Any):
    done = await tool_result(value, "ann", "tool", ResourceStore())
    assert [one.text for one in done.content] == [text]
    assert done.structured_content == structured
    assert not done.is_error


@pytest.mark.parametrize(
    ("value", "kind"), [("x" * 100, "text/plain"), (["x" * 100], "application/json")]
)
async def test_a_large_value_is_a_link_that_says_what_it_is(
    value: Any, kind: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(results, "MAX_TEXT", 99)
    [one] = await content(value)
    assert (one.type, one.mime_type) == ("resource_link", kind)


@pytest.mark.parametrize(
    ("media_type", "kind"), [("image/png", "image"), ("audio/wav", "audio"), ("x/y", "resource")]
)
async def test_a_small_artifact_stands_in_the_answer(media_type: str, kind: str):
    [one] = (await content(Artifact.of(PNG, media_type=media_type)))[-1:]
    assert one.type == kind
    data = one.resource.blob if kind == "resource" else one.data
    assert b64decode(data) == PNG


async def test_a_text_that_is_an_artifact_is_text():
    [one] = await content(Artifact.of(b"plum", name="a.txt"))
    assert (one.resource.text, one.resource.mime_type) == ("plum", "text/plain")


async def test_a_list_of_texts_and_artifacts_is_one_content_for_each():
    found = await content(["see", Artifact.of(PNG, media_type="image/png"), "and that"])
    assert [one.type for one in found] == ["text", "image", "text"]


async def test_an_artifact_in_an_object_is_named_in_its_text():
    found = await content({"file": Artifact.of(PNG, media_type="image/png")})
    assert [one.type for one in found] == ["text", "image"]
    assert found[0].text == '{"file":{"$artifact":0}}'


async def test_a_large_artifact_and_one_too_many_are_links(monkeypatch: pytest.MonkeyPatch):
    [link] = await content(Artifact.of(b"x" * (MAX_INLINE + 1), name="big.bin"))
    assert (link.type, link.name, link.size) == ("resource_link", "big.bin", MAX_INLINE + 1)
    monkeypatch.setattr(results, "MAX_INLINE_ALL", 10)
    found = await content([Artifact.of(b"x" * 6), Artifact.of(b"x" * 6)])
    assert [one.type for one in found] == ["resource", "resource_link"]


async def test_an_artifact_that_is_gone_is_said_by_its_code(monkeypatch: pytest.MonkeyPatch):
    async def gone(self: Artifact, limit: int = 0) -> bytes:
        raise NotFound

    monkeypatch.setattr(Artifact, "read", gone)
    [one] = await content(Artifact.of(b"x", name="a.txt"))
    assert one.text == "a.txt: not_found"


def test_an_error_is_a_code_and_a_sentence():
    result = failed(Denied("Not you."))
    assert result.is_error
    assert [one.text for one in result.content] == ["denied: Not you."]
