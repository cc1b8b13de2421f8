"""Settings: defaults, bounds, no unknown key."""

from __future__ import annotations

import msgspec
import pytest

from chatixia.core.admission import AdmissionLimits
from chatixia.core.relay_limits import RelayLimits
from chatixia.registry.settings import RegistrySettings, read


def test_nothing_said_is_the_defaults():
    assert read(None) == read({}) == RegistrySettings()
    assert RegistrySettings().port == 8080 and not RegistrySettings().insecure_http


def test_a_token_s_life_as_people_write_it():
    assert read({"confirm": "5m"}).confirm == 300
    assert read({"token_ttl": "20s"}).token_ttl == read({"token_ttl": 20}).token_ttl == 20
    said = read({"lease": "1m", "ping_interval": "2s", "ping_timeout": 2.5})
    assert (said.lease, said.ping_interval, said.ping_timeout) == (60, 2, 2.5)


def test_bounds_of_strangers_are_set_one_by_one():
    found = read({"unproved": {"total": 10}}).unproved
    assert found == AdmissionLimits(total=10) and found.seconds == 10


def test_the_relay_is_on_unless_it_is_said_and_bounded_one_by_one():
    assert read(None).relay == RelayLimits() and RelayLimits().enabled
    assert read({"relay": {"enabled": False}}).relay == RelayLimits(enabled=False)
    found = read({"relay": {"mb_per_s": 0.5, "streams": 16}}).relay
    assert (found.mb_per_s, found.streams) == (0.5, 16)


@pytest.mark.parametrize(
    "wrong",
    [
        {"prot": 1},
        {"port": 70_000},
        {"token_ttl": 1},
        {"confirm": 5},
        {"token_ttl": "soon"},
        {"lease": 5},
        {"ping_interval": 0},
        {"ice": {"x": 1}},
        {"lan": "yes"},
        {"unproved": {"totl": 1}},
        {"unproved": {"total": 0}},
        {"unproved": {"rate": 0}},
        {"relay": {"enable": True}},
        {"relay": {"mb_per_s": 0}},
        {"relay": {"streams": 1}},
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, object]):
    with pytest.raises(msgspec.ValidationError):
        read(wrong)
