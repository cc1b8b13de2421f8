"""How settings of the registry are named and written."""

from chatixia.assembly.config import every_setting, flat, shown
from chatixia.assembly.profile.profile import Profile
from chatixia.registry.settings import RegistrySettings


def test_names_are_dotted():
    names = [name for name, _ in flat(RegistrySettings())]
    assert "up.port" in names
    assert "up.ice.stun" in names


def test_values_as_people_write_them():
    values = [True, False, ["a", "b"], [], "", None, 8080]
    assert [shown(value) for value in values] == ["yes", "no", "a, b", "", "", "", "8080"]


def test_without_any_profile(tmp_path, monkeypatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    rows = {name: (value, source) for name, value, source in every_setting(tmp_path)}
    assert rows["home"] == (str(tmp_path), "profile")


def test_a_port_of_the_environment_is_shown(tmp_path, monkeypatch):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    monkeypatch.setenv("PORT", "3000")
    Profile.create(machine="laptop")
    rows = {name: (value, source) for name, value, source in every_setting(tmp_path)}
    assert rows["up.port"] == ("3000", "environment PORT")
    assert rows["up.tls_port"] == ("8443", "default")
