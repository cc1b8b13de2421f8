"""A provider that is half said is a refusal to start, with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from chatixia.assembly.serve.provider import provider_access
from chatixia.core.provider import AllowedAccount, ProviderSettings
from chatixia.errors import ConfigError

WHOLE = ProviderSettings(
    "https://id.example.org", "mesh", allow=[AllowedAccount("a@example.org", "anna")]
)


def test_without_settings_there_is_none(tmp_path: Path):
    assert provider_access(ProviderSettings(), tmp_path) is None


def test_a_whole_one_has_its_secret_from_a_file(tmp_path: Path):
    assert provider_access(WHOLE, tmp_path) == (WHOLE, "")
    (tmp_path / "secret").write_text("s3cret\n")
    named = replace(WHOLE, client_secret_file="secret")
    assert provider_access(named, tmp_path) == (named, "s3cret")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"issuer": ""}, "issuer"),
        ({"issuer": "http://id.example.org"}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"allow": []}, "names nobody"),
        ({"allow": [AllowedAccount("a@example.org", "No Body")]}, "cannot name a person"),
        ({"client_secret_file": "missing"}, "cannot be read"),
        ({"client_secret_file": "empty"}, "holds no secret"),
    ],
)
def test_each_half_is_refused(tmp_path: Path, changed: dict[str, object], sentence: str):
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigError, match=sentence):
        provider_access(replace(WHOLE, **changed), tmp_path)
