"""A process has of the library what links need, and the rest once somebody asks."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from importlib import metadata

import pytest

from chatixia.peer.engines import wrtc_package

LINKED = """
import asyncio, sys
from chatixia.peer.engines.wrtc import WrtcEngine
from tests.peer.engines.pair import linked

async def main():
    async with linked(WrtcEngine(), WrtcEngine()) as (a, b):
        a.send(b"x")
        assert await b.frames_to(1) == [b"x"]
        assert await a.connection.stats()
        assert a.connection.remote_fingerprint()

asyncio.run(main())
print("webrtc.interfaces.media_stream" in sys.modules)
"""
ASKED = """
from chatixia.peer.engines.wrtc_package import webrtc
import webrtc as same
from webrtc import MediaStream, RTCPeerConnection
assert webrtc is same and MediaStream.__module__ == "webrtc.interfaces.media_stream"
assert all(hasattr(webrtc, name) for name in webrtc.__all__)
print(type(webrtc).__name__, RTCPeerConnection is webrtc.RTCPeerConnection, hasattr(webrtc, "no"))
"""
BEFORE = """
import webrtc
from chatixia.peer.engines import wrtc_package
print(wrtc_package.webrtc is webrtc, type(webrtc).__name__)
"""


@pytest.mark.parametrize(
    ("program", "said"),
    [(LINKED, "False"), (ASKED, "module True False"), (BEFORE, "True module")],
    ids=["links", "somebody asks for more", "imported before"],
)
def test_there_is_what_is_asked_for(program: str, said: str):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == (said, "")


def test_of_another_release_it_is_whole(monkeypatch: pytest.MonkeyPatch):
    kept = {name: one for name, one in sys.modules.items() if name.split(".")[0] == "webrtc"}
    monkeypatch.setattr(wrtc_package, "PINNED", "0.0.1")
    try:
        monkeypatch.delitem(sys.modules, "webrtc")
        whole = wrtc_package.load()
        assert type(whole) is type(sys)
    finally:
        sys.modules.update(kept)


def test_the_version_is_the_installed_one_however_it_is_found(monkeypatch: pytest.MonkeyPatch):
    assert wrtc_package.installed() == metadata.version("wrtc") == wrtc_package.PINNED
    monkeypatch.setattr(pathlib.Path, "glob", lambda self, pattern: iter(()))
    assert wrtc_package.installed() == wrtc_package.PINNED
