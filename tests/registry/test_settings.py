"""Settings: defaults, bounds, no unknown key."""

from __future__ import annotations

import msgspec
import pytest

from chatixia.registry.settings import Settings, read


def test_nothing_said_is_the_defaults():
    assert read(None) == read({}) == Settings()
    assert Settings().port == 8080 and not Settings().insecure_http


def test_a_token_s_life_as_people_write_it():
    assert read({"token_ttl": "20s"}).token_ttl == read({"token_ttl": 20}).token_ttl == 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"prot": 1},
        {"port": 70_000},
        {"token_ttl": 1},
        {"token_ttl": "soon"},
        {"ice": {"x": 1}},
        {"lan": "yes"},
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, object]):
    with pytest.raises(msgspec.ValidationError):
        read(wrong)
