"""Which engine is loaded, and what is said when there is none."""

import pytest

from chatixia.errors import ConfigError, MissingExtra
from chatixia.peer.engines import load

from .missing import without


def test_wrtc_comes_first():
    assert load().name == "wrtc"
    assert load("aiortc").name == "aiortc"
    assert load("wrtc").version


def test_without_wrtc_aiortc_is_taken(monkeypatch):
    without(monkeypatch, "webrtc", "wrtc")
    assert load().name == "aiortc"
    with pytest.raises(MissingExtra):
        load("wrtc")


def test_without_any_the_install_line_is_told(monkeypatch):
    without(monkeypatch, "webrtc", "wrtc", "aiortc")
    for cure in ("uv tool install", "environment that runs this, pip install"):
        with pytest.raises(MissingExtra, match=rf"{cure} '.\[aiortc\]'"):
            load()


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="auto, wrtc, aiortc"):
        load("iroh")


def test_a_fork_of_a_process_with_links_is_refused_with_the_cure(monkeypatch):
    from chatixia.peer.engines import wrtc

    monkeypatch.setattr(wrtc, "_used_in", {wrtc.process_id()})
    assert load().name == "wrtc"
    monkeypatch.setattr(wrtc, "_used_in", {1})
    for name in ("auto", "wrtc"):
        with pytest.raises(ConfigError, match="spawn method.*`engine: aiortc`"):
            load(name)
    assert load("aiortc").name == "aiortc"


async def test_a_process_with_links_says_so_to_its_forks():
    from chatixia.peer.engines import wrtc

    engine = load()
    connection = await engine.connection()
    assert wrtc.process_id() in wrtc._used_in
    await connection.close()
    await engine.close()
