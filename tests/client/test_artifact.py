"""Artifacts end to end over a network in memory: as arguments, results, items, parts of models."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
import pytest

from chatixia import (
    Agent,
    Artifact,
    BadArguments,
    ConfigError,
    Conflict,
    Ctx,
    NotFound,
    TooLarge,
)
from chatixia.client.artifact import arrivals
from chatixia.client.value import decode, encode, pack_args
from chatixia.errors import BadRequest, SkillFailed, Unreachable
from chatixia.testing import mesh_of
from chatixia.wire.artifacts import ArtifactInfo
from tests.client.test_artifact_sources import DATA, Feed


@dataclass
class Album:
    title: str
    photos: list[Artifact]
    cover: Artifact | None = None


class Letter(pydantic.BaseModel):
    text: Artifact
    copies: int = 1


def library(kept: list[Artifact] | None = None) -> Agent:
    """An agent with a skill for each place that an artifact can be in."""
    agent = Agent("lib")

    @agent.skill
    async def size(doc: Artifact) -> int:
        if kept is not None:
            kept.append(doc)
        return len(await doc.read())

    @agent.skill
    def plain(doc: Artifact) -> str:
        return hashlib.sha256(doc.read_sync()).hexdigest()

    @agent.skill
    async def make(n: int) -> Artifact:
        return Artifact.of(bytes(n), name="zeros.bin")

    @agent.skill
    async def album(album: Album) -> list[Any]:
        pictures = [await photo.read() for photo in album.photos]
        return [album.title, b"".join(pictures).decode(), album.cover is None]

    @agent.skill
    async def letter(letter: Letter) -> Letter:
        text = (await letter.text.read()).upper()
        return Letter(text=Artifact.of(text), copies=letter.copies + 1)

    @agent.skill
    async def pages(n: int) -> AsyncIterator[dict[str, Any]]:
        for page in range(n):
            yield {"n": page, "page": Artifact.of(b"page %d" % page)}

    @agent.skill
    async def echo(value: Any) -> Any:
        return value

    return agent


async def test_an_argument_is_read_by_the_skill():
    async with mesh_of(library()) as mesh:
        lib = mesh.agent("lib")
        assert await lib.size(doc=Artifact.of(bytes(300_000))) == 300_000
        assert await lib.size(doc=Artifact.of(b"")) == 0
        assert await lib.plain(doc=Artifact.of(DATA)) == hashlib.sha256(DATA).hexdigest()
        assert (await lib.call("size", {"doc": Artifact.of(b"abc")})).value == 3


async def test_a_result_is_read_after_the_call():
    async with mesh_of(library()) as mesh:
        zeros = await mesh.agent("lib").make(n=200_000)
        assert (zeros.name, zeros.size) == ("zeros.bin", 200_000)
        assert zeros.sha256 == hashlib.sha256(bytes(200_000)).hexdigest()
        assert await zeros.read() == bytes(200_000)


async def test_artifacts_stand_inside_dataclasses_models_and_items():
    async with mesh_of(library()) as mesh:
        lib = mesh.agent("lib")
        album = Album("trip", [Artifact.of(b"a"), Artifact.of(b"b")])
        assert await lib.album(album=album) == ["trip", "ab", True]
        letter = await lib.letter(letter=Letter(text=Artifact.of(b"dear")))
        assert letter.copies == 2
        assert await letter.text.read() == b"DEAR"
        async with lib.stream("pages", {"n": 3}) as items:
            read = [(item.n, await item.page.read()) async for item in items]
        assert read == [(n, b"page %d" % n) for n in range(3)]


async def test_items_with_artifacts_need_a_caller_that_streams():
    async with mesh_of(library()) as mesh:
        with pytest.raises(SkillFailed, match="stream"):
            await mesh.agent("lib").pages(n=2)


async def test_user_data_is_no_artifact():
    async with mesh_of(library()) as mesh:
        lib = mesh.agent("lib")
        forged = {"$artifact": 0}
        assert await lib.echo(value=forged) == forged
        with pytest.raises(BadArguments, match="expected an artifact"):
            await lib.size(doc=forged)


async def test_an_argument_can_be_read_until_its_call_ends():
    kept: list[Artifact] = []
    async with mesh_of(library(kept)) as mesh:
        await mesh.agent("lib").size(doc=Artifact.of(b"abc"))
        with pytest.raises(NotFound):
            await kept[0].read()


async def test_a_skill_may_give_back_what_it_was_given():
    """Also by way of another, and when the calls are over."""
    far, near = Agent("far"), Agent("near")

    @far.skill
    async def pick(docs: list[Artifact]) -> Artifact:
        return docs[-1]

    @near.skill
    async def choose(docs: list[Artifact], ctx: Ctx) -> Any:
        return await ctx.mesh.agent("far").pick(docs=docs)

    async with mesh_of(far, near) as mesh:
        docs = [Artifact.of(b"no"), Artifact.of(DATA * 9)]
        assert await (await mesh.agent("far").pick(docs=docs)).read() == DATA * 9
        assert await (await mesh.agent("near").choose(docs=docs)).read() == DATA * 9


async def test_an_artifact_is_passed_on_to_another():
    front = Agent("front")

    @front.skill
    async def relay(doc: Artifact, ctx: Ctx) -> Any:
        return await ctx.mesh.agent("lib").size(doc=doc)

    async with mesh_of(library(), front) as mesh:
        assert await mesh.agent("front").relay(doc=Artifact.of(bytes(70_000))) == 70_000


async def test_a_file_is_sent_and_saved(tmp_path: Path):
    (tmp_path / "in.bin").write_bytes(DATA * 100)
    source = Artifact.of(tmp_path / "in.bin")
    assert (source.name, source.size) == ("in.bin", len(DATA) * 100)
    steps: list[tuple[int, int]] = []
    (tmp_path / "out").mkdir()
    path = await source.save(tmp_path / "out", on_progress=lambda *step: steps.append(step))
    assert path == tmp_path / "out" / "in.bin"
    assert path.read_bytes() == DATA * 100
    assert steps[-1] == (len(DATA) * 100, len(DATA) * 100)
    with pytest.raises(Conflict):
        await source.save(tmp_path / "out")


async def test_a_result_that_was_saved_is_let_go_and_read_from_its_file(tmp_path: Path):
    feed = Feed()
    artifact = Artifact.received(feed)
    path = await artifact.save(tmp_path)
    assert (feed.released, path.read_bytes()) == (True, DATA)
    assert await artifact.read() == DATA
    assert feed.pulls == [0]


async def test_one_that_nobody_has_any_more_is_let_go():
    feed = Feed()
    artifact = Artifact.received(feed)
    del artifact
    assert feed.released


async def test_a_wrong_hash_raises_with_the_last_step(tmp_path: Path):
    feed = Feed()
    feed.info.sha256 = "ab" * 32
    artifact = Artifact.received(feed)
    count = 0
    with pytest.raises(BadRequest, match="SHA-256"):
        async for piece in artifact.stream():
            count += len(piece)
    assert count == len(DATA)
    with pytest.raises(BadRequest, match="SHA-256"):
        await artifact.save(tmp_path)
    assert not list(tmp_path.iterdir())


async def test_a_label_with_a_path_writes_nothing_outside_the_folder(tmp_path: Path):
    feed = Feed()
    feed.info.name = "../../x"
    (tmp_path / "in").mkdir()
    assert await Artifact.received(feed).save(tmp_path / "in") == tmp_path / "in" / "x"
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


async def test_read_has_a_limit():
    with pytest.raises(TooLarge):
        await Artifact.of(bytes(11)).read(10)
    assert await Artifact.of(bytes(10)).read(10) == bytes(10)


async def test_the_waiting_forms_are_refused_on_a_loop(tmp_path: Path):
    with pytest.raises(ConfigError, match="await"):
        Artifact.of(b"x").read_sync()
    with pytest.raises(ConfigError, match="await"):
        Artifact.of(b"x").save_sync(tmp_path / "x")
    assert await asyncio.to_thread(Artifact.of(b"x").read_sync) == b"x"
    saved = await asyncio.to_thread(Artifact.of(b"x").save_sync, tmp_path / "x")
    assert saved.read_bytes() == b"x"


def test_a_type_is_guessed_and_a_missing_file_is_an_error(tmp_path: Path):
    assert Artifact.of(b"", name="cat.jpg").media_type == "image/jpeg"
    with pytest.raises(FileNotFoundError):
        Artifact.of(str(tmp_path / "none"))


def test_it_travels_in_calls_alone():
    with pytest.raises(TypeError, match="Artifact"):
        encode({"a": Artifact.of(b"x")})
    body, artifacts = pack_args({"a": Artifact.of(b"x")})
    assert body == b'{"a":{"$artifact":0}}'
    assert len(artifacts) == 1


def test_the_table_of_the_message_alone_makes_artifacts():
    info = ArtifactInfo(1, "ab" * 32, data=b"x")
    feed = Feed()
    feed.info = info
    value = decode(b'[{"$artifact":0},{"$artifact":1},{"$artifact":0,"x":1}]', [feed])
    assert isinstance(value[0], Artifact)
    assert value[1:] == [{"$artifact": 1}, {"$artifact": 0, "x": 1}]
    assert len(arrivals([feed, feed])) == 2


async def test_the_schema_says_artifact():
    expected = {"type": "object", "format": "artifact"}
    async with mesh_of(library()) as mesh:
        skills = {one.name: one for one in await mesh.skills("lib")}
    assert json.loads(bytes(skills["size"].parameters))["properties"]["doc"] == expected
    returns = json.loads(bytes(skills["make"].returns))
    assert {key: returns[key] for key in expected} == expected
    letter = Letter.model_json_schema()["properties"]["text"]
    assert {key: letter[key] for key in expected} == expected


async def test_a_save_that_was_cut_off_goes_on_where_it_stopped(tmp_path: Path):
    data = DATA * 60

    class Big(Feed):
        folder = str(tmp_path / "parts")

        def __init__(self, end: int) -> None:
            super().__init__()
            self.info = ArtifactInfo(len(data), hashlib.sha256(data).hexdigest(), name="big")
            self.end = end

        async def pull(self, offset: int = 0, gather: bool = False) -> AsyncGenerator[bytes, None]:
            self.pulls.append(offset)
            for at in range(offset, len(data), 16_000):
                if at >= self.end:
                    raise Unreachable("the sender is gone")
                yield data[at : at + 16_000]

    with pytest.raises(Unreachable):
        await Artifact.received(Big(400_000)).save(tmp_path / "big")
    assert not (tmp_path / "big").exists()
    again = Big(len(data))
    await Artifact.received(again).save(tmp_path / "big")
    assert (tmp_path / "big").read_bytes() == data
    assert again.pulls[0] >= 400_000 - 2 * 16_000
    assert not list((tmp_path / "parts").iterdir())
