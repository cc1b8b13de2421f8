"""Leaving deletes this machine's keys; the owner's machine stays."""

from chatixia.assembly.membership.revoke import revoke


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


def test_who_is_out_already_is_not_told_to_have_it_revoked(registry, type_, tmp_path, monkeypatch):
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    owner = registry.profile
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "there"))
    type_("join", string)
    revoke(owner, "pi")
    done = type_("leave", "--json")
    assert (done.code, done.json["told"]) == (0, False)
    assert "was out already" in done.err and "chatixia revoke" not in done.err


def test_a_registry_that_is_away_is_said(registry, type_, tmp_path, monkeypatch):
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "there"))
    type_("join", string)
    registry.kill()
    done = type_("leave")
    assert done.code == 0 and "was not reached; its owner can `chatixia revoke`" in done.err
