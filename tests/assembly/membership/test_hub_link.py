"""The link of the hub: fresh each time, on loopback, its secret after the hash."""

import pytest

from chatixia.assembly.membership.hub_link import login_link
from chatixia.assembly.profile.profile import Profile
from chatixia.errors import ConfigError, RegistryUnreachable
from chatixia.testing.registry import RegistryProcess


def test_links(tmp_path, monkeypatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    with pytest.raises(ConfigError):
        login_link()
    Profile.create()
    with pytest.raises(RegistryUnreachable):
        login_link()
    registry = RegistryProcess(tmp_path)
    registry.start()
    try:
        one, two = login_link(), login_link()
    finally:
        registry.terminate()
    assert one != two
    assert one.startswith(f"{registry.url}/#")
