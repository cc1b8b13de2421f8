"""Owners at the command line."""

from __future__ import annotations

import io


def test_the_owners_of_a_mesh(registry, type_):
    done = type_("owners", "--json")
    assert (done.code, [one["id"] for one in done.json["owners"]]) == (0, ["admin"])
    assert "admin" in type_("owners", "list").out


def test_this_machine_is_an_owner_already(registry, type_):
    done = type_("owners", "ask")
    assert (done.code, done.out) == (5, "") or done.code
    assert "holds an owner's key already" in done.err
    accept = type_("owners", "accept")
    assert accept.code == 2 and "begin with `chatixia owners ask`" in accept.err


def test_a_key_is_typed_as_it_is_shown(registry, type_):
    done = type_("owners", "add", "anna", "AAEC")
    assert done.code and "`chatixia owners ask`" in done.err
    again = type_("owners", "revoke", "anna")
    assert again.code and "No owner is called anna" in again.err


def test_rotated(registry, type_):
    done = type_("owners", "rotate", "--json")
    assert (done.code, done.json["owner"]) == (0, "admin.2")
    states = {one["id"]: one["revoked"] for one in type_("owners", "--json").json["owners"]}
    assert states == {"admin": True, "admin.2": False}


def test_the_code_is_shown_once_and_read_from_no_argument(registry, type_, monkeypatch):
    made = type_("owners", "recovery", "--json")
    assert made.code == 0 and len(made.json["code"]) == 39
    again = type_("owners", "recovery")
    assert again.code and made.json["code"] not in again.out + again.err
    monkeypatch.setattr("sys.stdin", io.StringIO("aaaa-bbbb\n"))
    assert "eight groups" in type_("owners", "recover").err
    monkeypatch.setattr("sys.stdin", io.StringIO(made.json["code"] + "\n"))
    done = type_("owners", "recover", "--revoke", "--json")
    assert (done.code, done.json["owner"], done.json["revoked"]) == (0, "admin.2", True)
