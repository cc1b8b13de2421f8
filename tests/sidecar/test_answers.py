"""What a program answers with: items in order and within credit, errors, progress, files."""

from __future__ import annotations

from pathlib import Path

from chatixia.core.ports import ArtifactFeed
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.ipc import STREAM_WINDOW
from tests.sidecar.rig import incoming, sidecar


async def test_items_come_in_order_before_the_answer(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("tell")
        answers, task = rig.ask(incoming("tell", stream=True))
        number = (await program.next("request"))["id"]
        for n in range(100):
            program.command("item", cause=number, item=n)
        program.command("progress", cause=number, fraction=0.5, note="half")
        program.command("reply", cause=number)
        await task
        assert answers.items == [str(n).encode() for n in range(100)]
        assert (answers.value, answers.steps) == (b"null", [(0.5, "half")])


async def test_who_sends_more_than_there_is_room_for_is_busy(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("tell")
        answers, task = rig.ask(incoming("tell", stream=True))
        line = await program.next("request")
        answers.open.clear()
        assert line["payload"].get("credit", STREAM_WINDOW) == STREAM_WINDOW
        text = "x" * 100_000
        for n in range(1, 5):
            program.command("item", n, line["id"], item=text)
        seen = [await program.line() for _ in range(2)]
        assert {one["type"] for one in seen} == {"error", "cancel"}
        await task
        assert answers.error is not None and answers.error.code == "busy"
        assert answers.error.outcome == "unknown", "the skill had begun"


async def test_credit_comes_back_as_items_are_taken(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("tell")
        answers, _ = rig.ask(incoming("tell", stream=True))
        number = (await program.next("request"))["id"]
        for _ in range(30):
            assert await program.asks("item", 1, number, item="x" * 4000) == {"value": None}
        for _ in range(3):
            program.command("item", cause=number, item="x" * 4000)
        credit = await program.next("credit")
        assert credit["id"] == number and credit["payload"]["bytes"] >= STREAM_WINDOW // 2
        assert len(answers.items) >= 32


async def test_an_error_keeps_its_code_and_outcome(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("tell")
        answers, task = rig.ask(incoming("tell", stream=True))
        number = (await program.next("request"))["id"]
        program.command("item", cause=number, item=1)
        program.command(
            "fail", cause=number, code="bad_arguments", message="No.", outcome="unknown"
        )
        await task
        assert (answers.items, answers.error.code) == ([b"1"], "bad_arguments")  # type: ignore[union-attr]
        assert (answers.error.message, answers.error.outcome) == ("No.", "unknown")  # type: ignore[union-attr]


async def test_an_item_of_what_does_not_stream_is_refused(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        await program.hello("forecast")
        rig.ask(incoming())
        number = (await program.next("request"))["id"]
        assert (await program.asks("item", 1, number, item=1))["code"] == "bad_request"
        for kind in ("item", "reply", "progress"):
            assert (await program.asks(kind, 2, 55))["code"] in ("not_found", "bad_request")


class Feed:
    """An artifact that came."""

    folder = ""

    def __init__(self) -> None:
        self.info = ArtifactInfo(3, "0" * 64, name="photo.png")
        self.released = 0

    async def pull(self, offset: int = 0, gather: bool = False):
        yield b"abc"[offset:]

    def release(self) -> None:
        self.released += 1


async def test_artifacts_go_as_files_of_the_folder(tmp_path: Path):
    async with sidecar(tmp_path) as rig:
        program = await rig.program()
        folder = Path((await program.hello("forecast"))["folder"])
        feed: ArtifactFeed = Feed()
        answers, task = rig.ask(incoming(artifacts=(feed,)))
        line = await program.next("request")
        [file] = line["payload"]["artifacts"]
        assert (file["name"], file["size"], "path" in file) == ("photo.png", 3, False)
        path = Path((await program.asks("fetch", 1, ref=file["ref"]))["value"]["path"])
        assert path.read_bytes() == b"abc"
        assert (await program.asks("fetch", 2, ref="f99"))["code"] == "not_found"
        outside = [{"path": "/etc/passwd"}]
        program.command("reply", cause=line["id"], value={"$artifact": 0}, artifacts=outside)
        await task
        assert answers.error is not None and answers.error.code == "bad_arguments"
        answers, task = rig.ask(incoming())
        number = (await program.next("cancel"), await program.next("request"))[1]["id"]
        (folder / "map.png").write_bytes(b"map")
        files = [{"path": str(folder / "map.png")}]
        program.command("reply", cause=number, value={"$artifact": 0}, artifacts=files)
        await task
        assert (answers.lent, answers.value) == ([b"map"], b'{"$artifact": 0}')
        assert feed.released == 1 and rig.files.removed == [str(path)]  # type: ignore[attr-defined]
