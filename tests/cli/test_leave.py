"""Leaving deletes this machine's keys; the owner's machine stays."""


def test_a_guest_leaves(registry, type_, tmp_path, monkeypatch):
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "there"))
    type_("join", string)
    done = type_("leave", "--json")
    assert (done.code, done.json["told"]) == (0, True)
    assert not (tmp_path / "there" / "home" / "machine").exists()
    assert type_("leave").code == 2


def test_the_owner_stays(registry, type_):
    done = type_("leave")
    assert done.code == 2
    assert "owner's key" in done.err
