"""The events of the private socket: frozen lines, and the published schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatixia.wire import ipc_events
from chatixia.wire.base import decoder, encode
from tests.wire.test_ipc import FOLDER, tags

events = decoder(ipc_events.Event)
LINES = (FOLDER / "events.jsonl").read_bytes().splitlines()
DESCRIBED = ("message", "peer_connected", "peer_disconnected", "peer_list")
PAGE = Path(__file__).parents[2] / "docs" / "ipc.schema.json"


@pytest.mark.parametrize("line", LINES)
def test_each_golden_line_is_read_and_written_as_it_stands(line: bytes):
    assert encode(events.decode(line)) == line


def test_each_event_has_a_golden_line_and_the_described_ones_are_among_them():
    there = {json.loads(line)["type"] for line in LINES}
    assert there == tags(ipc_events.Event)
    assert there >= set(DESCRIBED)


def test_the_golden_results_of_a_fixed_form_are_those_structs():
    [welcome] = (json.loads(line)["payload"]["value"] for line in LINES if b'"folder"' in line)
    assert ipc_events.IpcWelcome(**welcome).name == "weather"


def test_the_published_schema_is_that_of_the_structs():
    """To write it anew: print ``json.dumps(schema(), indent=1)`` and a line end into the file."""
    text = json.dumps(ipc_events.schema(), indent=1) + "\n"
    assert PAGE.read_text(encoding="utf-8") == text


def test_the_schema_names_each_line():
    names = json.dumps(ipc_events.schema())
    for union in (ipc_events.Command, ipc_events.Event):
        assert all(f'"enum": ["{tag}"]' in names or f'"{tag}"' in names for tag in tags(union))
