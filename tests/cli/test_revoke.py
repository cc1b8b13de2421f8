"""Revoking: by the owner, of somebody who is known."""


def test_a_machine(registry, type_, tmp_path, monkeypatch):
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "there"))
    type_("join", string)
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    done = type_("revoke", "pi", "--json")
    assert done.code == 0
    assert done.json["statement"]["id"] == "pi"


def test_an_invitation_is_withdrawn(registry, type_, tmp_path, monkeypatch):
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    done = type_("revoke", "pi")
    assert done.code == 0 and "withdrawn the invitation of pi" in done.err
    assert "revoked" not in done.err
    with monkeypatch.context() as there:
        there.setenv("CHATIXIA_HOME", str(tmp_path / "there"))
        late = type_("join", string)
        assert late.code == 4, late.err
    again = type_("invite", "pi", "--no-wait", "--json").json["join"]
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "there"))
    assert type_("join", again).code == 0


def test_a_pattern_is_withdrawn_for_who_did_not_come_yet(registry, type_, tmp_path, monkeypatch):
    string = type_("invite", "--as", "w-*", "--reusable", "--json").json["join"]
    with monkeypatch.context() as there:
        there.setenv("CHATIXIA_HOME", str(tmp_path / "1"))
        assert type_("join", string, "--as", "w-1").code == 0
    assert type_("revoke", "w-*").code == 0
    assert type_("revoke", "w-*").code == 1
    with monkeypatch.context() as there:
        there.setenv("CHATIXIA_HOME", str(tmp_path / "2"))
        assert type_("join", string, "--as", "w-2").code == 4
        there.setenv("CHATIXIA_HOME", str(tmp_path / "1"))
        assert type_("status").code == 0


def test_the_owners_own_machine_is_refused(registry, type_):
    done = type_("revoke", registry.profile.machine)
    assert done.code == 2 and "holds the owner's key" in done.err
    assert type_("agents").code == 0


def test_nobody(registry, type_):
    done = type_("revoke", "nobody")
    assert done.code == 1
    assert "nobody" in done.err and "`chatixia keys` the API keys" in done.err


def test_a_key_is_ended_by_the_command_that_is_named(registry, type_):
    type_("keys", "create", "grafana")
    done = type_("revoke", "grafana")
    assert done.code == 1 and "`chatixia keys revoke grafana` ends" in done.err
    assert type_("keys", "revoke", "grafana").code == 0
    again = type_("keys", "revoke", "grafana")
    assert again.code == 1 and "`chatixia keys` lists those that hold" in again.err
