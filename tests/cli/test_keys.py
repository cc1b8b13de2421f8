"""API keys: shown once, listed without their secret, revoked."""

import pytest

from chatixia.assembly.remote.rest import RegistryClient
from chatixia.cli.keys import date, resolved
from chatixia.errors import BadRequest
from chatixia.wire.registry import KeyCreate, KeyInfo


def test_a_key_s_life(registry, type_):
    assert "No API keys" in type_("keys").err
    made = type_("keys", "create", "script", "--days", "7", "--json").json
    listed = type_("keys", "list", "--json")
    assert made["key"] not in listed.out
    assert [key["name"] for key in listed.json["keys"]] == ["script"]
    assert "valid" in type_("keys").out
    assert type_("keys", "revoke", made["id"]).code == 0
    assert "revoked" in type_("keys", "list").out


def test_the_key_is_all_of_stdout(registry, type_):
    out = type_("keys", "create", "script").out
    assert len(out.split()) == 1


def test_every_key_is_listed_also_behind_the_first_page(registry, type_):
    with RegistryClient.owner(registry.profile) as rest:
        for n in range(201):
            rest.call("keys.create", KeyCreate(f"script{n}"))
    listed = type_("keys", "--json").json["keys"]
    assert [key["name"] for key in listed] == [f"script{n}" for n in range(200, -1, -1)]


def test_alone_it_lists_with_every_option_of_list(registry, type_):
    assert type_("keys", "--json").json["keys"] == []
    assert "create" in type_("keys", "--help").out
    wrong = type_("keys", "crate")
    assert (wrong.code, "Did you mean create?" in wrong.err) == (2, True)


def test_a_key_of_no_days_is_refused(registry, type_):
    done = type_("keys", "create", "script", "--days", "0")
    assert (done.code, "1<=x<=3650" in done.err) == (2, True)


def test_an_unknown_key(registry, type_):
    assert type_("keys", "revoke", "nothing").code == 1


def test_date():
    assert (date(0), date(86_400)) == ("-", "1970-01-02")


def test_a_key_is_revoked_by_its_name(registry, type_):
    made = type_("keys", "create", "script", "--json").json
    done = type_("keys", "revoke", "script", "--json")
    assert (done.code, done.json["id"]) == (0, made["id"])
    again = type_("keys", "create", "script", "--json").json
    assert type_("keys", "revoke", "script", "--json").json["id"] == again["id"]
    assert type_("keys", "revoke", "script").code == 1


def test_a_name_of_two_keys_is_refused():
    known = [KeyInfo("1a", "script", 0), KeyInfo("2b", "script", 0), KeyInfo("3c", "x", 0)]
    with pytest.raises(BadRequest, match="2 keys are called script; name one of 1a, 2b"):
        resolved("script", known)
    assert (resolved("2b", known), resolved("x", known), resolved("y", known)) == ("2b", "3c", "y")
