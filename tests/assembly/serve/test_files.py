"""A registry's own files: settings with the nearest key, token key, certificate."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from chatixia.assembly.serve.files import certificate, load_settings, save_settings, token_keys
from chatixia.errors import ConfigError
from chatixia.registry.settings import RegistrySettings
from chatixia.world import REAL


def test_settings_are_remembered(tmp_path: Path):
    assert load_settings(tmp_path) == RegistrySettings()
    save_settings(tmp_path, RegistrySettings(port=9, lan=True, public=["a.example"]))
    found = load_settings(tmp_path)
    assert (found.port, found.lan, found.public) == (9, True, ["a.example"])
    assert "token_ttl" not in (tmp_path / "registry.yaml").read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prot: 1", "the nearest is 'port'"),
        ("port: x", "port"),
        ("{", "this is not YAML"),
        ("token_ttl: 20\ntoken_ttl: 30", "line 2: the key token_ttl is given twice"),
        ("- 1", "registry.yaml"),
    ],
)
def test_a_wrong_file_is_a_refusal_with_its_place(tmp_path: Path, text: str, says: str):
    (tmp_path / "registry.yaml").write_text(text)
    with pytest.raises(ConfigError) as found:
        load_settings(tmp_path)
    assert says in found.value.message and str(tmp_path) in found.value.message


def test_keys_and_certificate_are_private_and_stay(tmp_path: Path):
    first = token_keys(tmp_path)[0].public
    assert token_keys(tmp_path)[0].public == first
    mark = certificate(tmp_path, ["a.example"], REAL)
    assert certificate(tmp_path, ["a.example"], REAL) == mark
    assert certificate(tmp_path, ["b.example"], REAL) != mark
    for name in ("tokens.key", "tls.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
