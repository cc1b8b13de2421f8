"""Revoking: by the owner, of somebody who is known."""


def test_a_machine(registry, type_, tmp_path, monkeypatch):
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "there"))
    type_("join", string)
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    done = type_("revoke", "pi", "--json")
    assert done.code == 0
    assert done.json["statement"]["id"] == "pi"


def test_nobody(registry, type_):
    done = type_("revoke", "nobody")
    assert done.code == 1
    assert "nobody" in done.err
