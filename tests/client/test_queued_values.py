"""Values with artifacts in tasks."""

from __future__ import annotations

import pytest

from chatixia.client.artifact import Artifact
from chatixia.client.queued_values import packed, unpacked
from chatixia.client.value import pack_args
from chatixia.errors import TooLarge


async def test_a_value_comes_back_with_its_artifacts():
    body, artifacts = pack_args({"a": [Artifact.of(b"abc", name="x.txt")], "n": 1})
    value = unpacked(await packed(body, artifacts))
    assert value["n"] == 1
    assert (value["a"][0].name, value["a"][0].media_type) == ("x.txt", "text/plain")
    assert await value["a"][0].read() == b"abc"


async def test_without_artifacts_it_is_as_it_was():
    body, artifacts = pack_args({"n": {"$artifact": 0}})
    assert await packed(body, artifacts) == body == b'{"n":{"$artifact":0}}'
    assert unpacked(body) == {"n": {"$artifact": 0}}


async def test_what_is_too_large_is_refused_before_it_is_read():
    body, artifacts = pack_args({"a": Artifact.of(bytes(768 * 1024 + 1))})
    with pytest.raises(TooLarge, match="767 KiB"):
        await packed(body, artifacts)


async def test_too_many_are_refused():
    body, artifacts = pack_args({"a": [Artifact.of(b"") for _ in range(65)]})
    with pytest.raises(TooLarge, match="64"):
        await packed(body, artifacts)
