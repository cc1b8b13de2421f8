"""The commands of the private socket: frozen lines, bounds, and what is no command."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from hmac import new
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from chatixia.errors import BadRequest, TooLarge, UnknownType
from chatixia.wire import ipc
from chatixia.wire.base import decode, encode
from chatixia.wire.ipc_events import commands

FOLDER = Path(__file__).parents[1] / "golden" / "ipc"
LINES = (FOLDER / "commands.jsonl").read_bytes().splitlines()
DESCRIBED = ("send", "broadcast", "list_peers", "connect")


def tags(union: Any) -> set[str]:
    return {kind.__struct_config__.tag for kind in get_args(union)}


@pytest.mark.parametrize("line", LINES)
def test_each_golden_line_is_read_and_written_as_it_stands(line: bytes):
    command = commands.decode(line)
    assert encode(command) == line


def test_each_command_has_a_golden_line_and_the_described_ones_are_among_them():
    there = {json.loads(line)["type"] for line in LINES}
    assert there == tags(ipc.Command)
    assert there >= set(DESCRIBED)


def test_unknown_fields_are_ignored_and_what_is_missing_has_its_default():
    line = b'{"type":"call","id":1,"payload":{"target":"bob","path":["eve"]},"path":["eve"]}'
    command = commands.decode(line)
    assert (command.payload.target, command.payload.timeout, command.cause) == ("bob", 30.0, 0)
    assert b"eve" not in encode(command)


def test_a_null_payload_is_none():
    assert commands.decode(b'{"type":"list_peers","payload":null}') == ipc.ListPeersCommand()


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"type":"banana"}', UnknownType),
        (b"{", BadRequest),
        (b'{"type":"call","payload":{}}', BadRequest),
        (b'{"type":"call","payload":{"target":"bob","timeout":0}}', BadRequest),
        (b'{"type":"call","id":-1,"payload":{"target":"bob"}}', BadRequest),
        (b'{"type":"call","payload":{"target":"%s"}}' % (b"b" * 64), BadRequest),
        (b'{"type":"proof","payload":{"nonce":"short","mac":"short"}}', BadRequest),
        (b'{"type":"reply","payload":{"artifacts":[%s{}]}}' % (b"{}," * 64), BadRequest),
        (b'{"type":"ask","payload":{"target":"bob","text":"%s"}}' % (b"x" * 2000), TooLarge),
    ],
)
def test_what_is_no_command_is_one_clear_error(line: bytes, error: type[Exception]):
    with pytest.raises(error):
        decode(commands, line, 1900)


def test_the_golden_proof_is_what_the_page_says():
    """The token is 32 bytes of 0x2a; the nonces are those of the golden challenge and proof."""
    events = (FOLDER / "events.jsonl").read_bytes().splitlines()
    challenge = next(json.loads(line) for line in events if b'"challenge"' in line)
    for lines, context in ((LINES, ipc.CLIENT_PROOF), (events, ipc.SERVER_PROOF)):
        proof = next(json.loads(line) for line in lines if b'"proof"' in line)["payload"]
        nonces = [challenge["payload"]["nonce"], proof["nonce"]]
        data = b"\0".join([context, *(nonce.encode() for nonce in nonces)])
        mac = urlsafe_b64encode(new(b"\x2a" * 32, data, sha256).digest()).rstrip(b"=")
        assert proof["mac"] == mac.decode()
        assert len(urlsafe_b64decode(proof["mac"] + "=")) == 32


def test_each_command_documents_itself():
    assert all(kind.__doc__ for kind in get_args(ipc.Command))
    assert all(issubclass(kind, msgspec.Struct) for kind in get_args(ipc.Command))
