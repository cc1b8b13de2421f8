"""Settings: who wins, where each value came from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatixia.agent.manifest import LoadedManifest, load
from chatixia.assembly.run.settings import VARIABLES, defaults, fill_environment, in_force, resolve
from chatixia.errors import ConfigError


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedManifest:
    (tmp_path / "agent.yaml").write_text(
        "name: a\nengine: wrtc\nslots: 3\nmodel: m\nsidecar: {binary: x}"
    )
    (tmp_path / ".env").write_text("CHATIXIA_ENGINE=aiortc\nCHATIXIA_TEST_FILLED=yes")
    return load(tmp_path)


@pytest.mark.parametrize(
    ("flags", "environ", "with_manifest", "value", "source"),
    [
        ({"engine": "wrtc"}, {"CHATIXIA_ENGINE": "auto"}, True, "wrtc", "flag"),
        ({}, {"CHATIXIA_ENGINE": "auto"}, True, "auto", "environment CHATIXIA_ENGINE"),
        ({}, {}, True, "aiortc", ".env CHATIXIA_ENGINE"),
        ({"engine": None}, {}, False, "auto", "default"),
    ],
)
def test_precedence(flags, environ, with_manifest, value, source, loaded: LoadedManifest):
    found = resolve(flags, loaded if with_manifest else None, environ)
    assert (found["engine"], found.source("engine")) == (value, source)


def test_manifest_profile_and_default(loaded: LoadedManifest):
    found = resolve({}, loaded, {}, {"registry": "http://127.0.0.1:1", "mesh": "work"})
    assert (found["slots"], found.source("slots")) == (3, f"{loaded.path}, line 3")
    assert (found["registry"], found.source("registry")) == ("http://127.0.0.1:1", "profile")
    assert found.is_default("max_turns")
    assert found.notes == [
        "agent.yaml: sidecar.binary changes nothing: the sidecar is part of chatixia"
    ]
    assert {value.key for value in found} == set(defaults())


def test_text_from_the_environment_takes_the_keys_type():
    environ = {"CHATIXIA_SLOTS": "12", "CHATIXIA_LINKS_KEEP": "all"}
    found = resolve({}, None, environ | {"CHATIXIA_MEMBERSHIP_TTL": "5m"})
    assert (found["slots"], found["links.keep"], found["membership_ttl"]) == (12, "all", 300)


@pytest.mark.parametrize(("text", "value"), [("false", False), ("true", True), ("0", False)])
def test_a_switch_from_the_environment_is_on_or_off(text: str, value: bool):
    assert resolve({}, None, {"CHATIXIA_LINKS_RELAY": text})["links.relay"] is value


@pytest.mark.parametrize(
    ("flags", "environ", "says"),
    [
        ({"enginee": "x"}, {}, "There is no setting enginee; did you mean engine?"),
        ({"zzzzzz": "x"}, {}, "There is no setting zzzzzz; there are"),
        ({"engine": "steam"}, {}, r"engine \(from flag\): Invalid enum value 'steam'"),
        ({}, {"CHATIXIA_SLOTS": "many"}, r"slots \(from CHATIXIA_SLOTS\): Expected int, got str"),
        ({}, {"CHATIXIA_MEMBERSHIP_TTL": "20s"}, "membership_ttl .*Expected int >= 60"),
        ({}, {"CHATIXIA_SLOTS": "0"}, r"slots \(from CHATIXIA_SLOTS\): Expected int >= 1"),
    ],
)
def test_refusals(flags, environ, says: str):
    with pytest.raises(ConfigError, match=says):
        resolve(flags, None, environ)


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("API_KEY", "swordfish")
    lines = in_force()
    assert ("sidecar.api_key", "(set)", "environment API_KEY") in lines
    assert "swordfish" not in str(lines)
    assert [key for key, _, _ in lines] == list(defaults())


def test_every_variable_sets_a_key():
    assert set(VARIABLES) <= set(defaults())


def test_dot_env_only_fills(loaded: LoadedManifest, monkeypatch: pytest.MonkeyPatch):
    import os

    monkeypatch.setenv("CHATIXIA_ENGINE", "auto")
    monkeypatch.delenv("CHATIXIA_TEST_FILLED", raising=False)
    fill_environment(loaded)
    assert os.environ["CHATIXIA_ENGINE"] == "auto"
    assert os.environ.pop("CHATIXIA_TEST_FILLED") == "yes"
    fill_environment(None)


def test_where_an_agent_keeps_its_files(
    loaded: LoadedManifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir("/")
    assert resolve({}, loaded, {}).data_dir() == tmp_path / ".chatixia"
    assert resolve({}, None, {}).data_dir() is None
    assert resolve({"data_dir": "/x"}, loaded, {}).data_dir() == Path("/x")
    assert resolve({"data_dir": "/x"}, None, {}).data_dir() == Path("/x")
