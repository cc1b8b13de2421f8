"""Which TURN servers a registry hands out: the file, the environment, and what it refuses."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from chatixia.assembly.serve.turn import turn_servers
from chatixia.errors import ConfigError
from chatixia.registry.settings import RegistrySettings, TurnSettings, read
from chatixia.registry.turn import TurnServers
from chatixia.testing.registry import RegistryHarness

SECRET = "a secret of some length"  # noqa: S105 - of a server that does not exist
UDP, TCP = "turn:turn.example.org:3478", "turn:turn.example.org:443?transport=tcp"


def settings(**said: object) -> TurnSettings:
    found: RegistrySettings = read({"ice": {"turn": said}})
    return found.ice.turn


def test_nothing_said_is_no_server(tmp_path: Path):
    assert turn_servers(settings(), tmp_path, {}) is None


def test_the_file_names_urls_and_where_the_secret_lies(tmp_path: Path):
    (tmp_path / "turn.secret").write_text(f"{SECRET}\n")
    said = settings(urls=[UDP, TCP], secret_file="turn.secret")
    assert turn_servers(said, tmp_path, {}) == TurnServers([UDP, TCP], SECRET)
    absolute = settings(urls=[UDP], secret_file=str(tmp_path / "turn.secret"))
    assert turn_servers(absolute, Path("/nowhere"), {}) == TurnServers([UDP], SECRET)


def test_the_environment_goes_first(tmp_path: Path):
    said = settings(urls=[UDP], secret_file="missing")
    environ = {"TURN_URL": f"{UDP}, {TCP}", "TURN_SECRET": SECRET}
    assert turn_servers(said, tmp_path, environ) == TurnServers([UDP, TCP], SECRET)


@pytest.mark.parametrize(
    "url",
    [
        "turn:a",
        "turns:a.example:5349",
        "turn:198.51.100.7:443?transport=tcp",
        "turn:[2001:db8::1]:3478?transport=udp",
    ],
)
def test_urls_that_engines_read(tmp_path: Path, url: str):
    environ = {"TURN_URL": url, "TURN_SECRET": SECRET}
    assert turn_servers(settings(), tmp_path, environ) == TurnServers([url], SECRET)


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"TURN_URL": "", "TURN_SECRET": SECRET}, "TURN_URL"),
        ({"TURN_URL": UDP, "TURN_SECRET": ""}, "TURN_SECRET"),
        ({"TURN_URL": UDP, "TURN_SECRET": " \n"}, "TURN_SECRET"),
        ({"TURN_URL": UDP}, "TURN_SECRET"),
        ({"TURN_SECRET": SECRET}, "TURN_URL"),
        ({"TURN_URL": "", "TURN_SECRET": ""}, "TURN_URL"),
        ({"TURN_URL": "http://a", "TURN_SECRET": SECRET}, "'http://a'"),
        ({"TURN_URL": "turn:", "TURN_SECRET": SECRET}, "'turn:'"),
        ({"TURN_URL": "turn:a?transport=sctp", "TURN_SECRET": SECRET}, "transport=sctp"),
        ({"TURN_URL": "turn:a@b", "TURN_SECRET": SECRET}, "a@b"),
        ({"TURN_URL": " ".join([UDP] * 9), "TURN_SECRET": SECRET}, "more than 8"),
    ],
)
def test_half_of_it_is_a_refusal_that_names_the_half(
    tmp_path: Path, environ: dict[str, str], names: str
):
    with pytest.raises(ConfigError) as refused:
        turn_servers(settings(), tmp_path, environ)
    assert names in refused.value.message and SECRET not in refused.value.message


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"urls": [UDP]}, "ice.turn.secret_file"),
        ({"urls": [UDP], "secret_file": ""}, "ice.turn.secret_file"),
        ({"urls": [UDP], "secret_file": "missing"}, "missing cannot be read"),
        ({"urls": [UDP], "secret_file": "empty"}, "ice.turn.secret_file"),
        ({"urls": [UDP], "secret_file": "long"}, "more than 1024"),
        ({"urls": [], "secret_file": "full"}, "ice.turn.urls"),
        ({"urls": [""], "secret_file": "full"}, "ice.turn.urls"),
        ({"secret_file": "full"}, "ice.turn.urls"),
    ],
)
def test_the_same_for_the_file(tmp_path: Path, said: dict[str, object], names: str):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "full").write_text(SECRET)
    (tmp_path / "long").write_text("x" * 2000)
    with pytest.raises(ConfigError) as refused:
        turn_servers(settings(**said), tmp_path, {})
    assert names in refused.value.message


def test_a_secret_that_can_be_guessed_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING, "chatixia.registry")
    assert turn_servers(settings(), tmp_path, {"TURN_URL": UDP, "TURN_SECRET": "short"})
    assert "can guess it" in caplog.text and "short" not in caplog.text


async def test_a_registry_does_not_start_with_half_of_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TURN_URL", "")
    with pytest.raises(ConfigError):
        async with RegistryHarness():
            pass
