"""Golden forms of artifacts on a link: tables as JSON, frames as bytes; what does not fit is
refused with a code."""

from __future__ import annotations

import json

import msgspec
import pytest

from chatixia.errors import BadRequest, WireError
from chatixia.wire import artifacts, messages
from chatixia.wire.artifacts import DATA, FREE, PULL, STOP, ArtifactFrame
from chatixia.wire.peer import TaskRequest
from tests.wire.golden import GOLDEN, cases, hold, structs

ID = "cd" * 16
FRAMES = {
    "data": ArtifactFrame(DATA, 7, 16384, data=b"abc"),
    "pull": ArtifactFrame(PULL, 7, 16384, 65536, ID),
    "stop": ArtifactFrame(STOP, 7),
    "free": ArtifactFrame(FREE, 0, id=ID),
}


@pytest.mark.parametrize(("name", "text"), cases(artifacts))
def test_golden(name: str, text: str):
    hold(artifacts, name, text)


def test_every_type_has_a_golden_form():
    assert {name for name, _ in cases(artifacts)} >= set(structs(artifacts))


@pytest.mark.parametrize("name", [*FRAMES, "fail"])
def test_the_bytes_of_a_frame_are_golden(name: str):
    golden = bytes.fromhex(json.loads((GOLDEN / "artifact_frames.json").read_text())[name])
    if name == "fail":
        assert artifacts.write_failure(7, WireError("not_found")) == golden
        assert artifacts.read_failure(artifacts.read(golden)).code == "not_found"
        return
    assert artifacts.write(FRAMES[name]) == golden
    assert artifacts.read(golden) == FRAMES[name]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02",
        b"\x02\x00" + bytes(12),
        b"\x02\x00" + bytes(12) + bytes(artifacts.CHUNK + 1),
        b"\x02\x01" + bytes(12) + bytes(19),
        b"\x02\x02" + bytes(12) + b"x",
        b"\x02\x04" + bytes(12) + bytes(15),
        b"\x02\x09" + bytes(12) + b"x",
        b"\x02\x00" + bytes(4) + b"\xff" * 8 + b"x",
    ],
)
def test_a_frame_that_does_not_fit_its_kind_is_refused(data: bytes):
    with pytest.raises(BadRequest):
        artifacts.read(data)


def test_a_long_failure_keeps_its_code():
    frame = artifacts.write_failure(1, WireError("conflict", "x" * 20_000))
    assert artifacts.read_failure(artifacts.read(frame)) == WireError("conflict")


@pytest.mark.parametrize("count", [artifacts.MAX_ENTRIES + 1])
def test_a_table_that_is_too_long_is_a_bad_request(count: int):
    info = artifacts.ArtifactInfo(1, "ab" * 32, ID)
    ask = messages.TaskAsk(request_id="1", payload=TaskRequest("x", artifacts=(info,) * count))
    unread = messages.read(msgspec.json.encode(ask))
    assert isinstance(unread, messages.Unread)
    assert unread.error.code == "bad_request"


@pytest.mark.parametrize(
    "entry",
    [
        {"size": -1, "sha256": "ab" * 32},
        {"size": 1, "sha256": "ab"},
        {"size": 1, "sha256": "ab" * 32, "id": "../../etc/passwd"},
        {"size": 1, "sha256": "ab" * 32, "name": "x" * 4000},
    ],
)
def test_an_entry_that_lies_about_its_shape_is_a_bad_request(entry: dict[str, object]):
    payload = {"skill": "x", "artifacts": [entry]}
    ask = {"type": "task_request", "request_id": "1", "payload": payload}
    unread = messages.read(msgspec.json.encode(ask))
    assert isinstance(unread, messages.Unread)
    assert unread.error.code == "bad_request"
