"""People on the command line: added with a link, listed, given a role, removed, logged out."""

import json
import re
import urllib.request

from chatixia.cli.people import ROLES
from chatixia.wire import people

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def redeem(url: str, browser: str = "Fox") -> dict:
    base, _, secret = url.partition("/#")
    body = json.dumps({"secret": secret}).encode()
    request = urllib.request.Request(
        f"{base}/api/login/redeem",
        body,
        {"Content-Type": "application/json", "User-Agent": browser},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_the_roles_are_those_of_the_wire():
    assert ROLES == people.ROLES


def test_a_persons_life(registry, type_):
    assert "Nobody yet" in type_("people").err
    made = type_("people", "add", "anna", "--role", "operator", "--json").json
    assert made["id"] == "hub~anna"
    said = redeem(made["url"])
    assert (said["person"], said["role"]) == ("hub~anna", "operator")
    assert type_("people", "role", "anna", "viewer").code == 0
    [listed] = type_("people", "list", "--json").json["people"]
    assert (listed["id"], listed["role"], listed["sessions"]) == ("hub~anna", "viewer", 1)
    [session] = type_("people", "sessions", "anna", "--json").json["sessions"]
    assert session["browser"] == "Fox" and said["page_secret"] not in str(session)
    assert "Fox" in type_("people", "sessions").out
    assert type_("people", "sessions", "--end", session["id"]).code == 0
    assert "No browser" in type_("people", "sessions", "anna").err
    redeem(type_("people", "add", "anna").out.strip())
    assert "1" in type_("people", "sessions", "anna", "--end-all").err
    gone = type_("people", "sessions", "--end", session["id"])
    assert gone.code == 1 and "`chatixia people sessions` lists them" in gone.err
    assert type_("people", "remove", "anna").code == 0
    assert type_("people", "remove", "anna").code == 1
    acts = [json.loads(row)["line"]["act"] for row in type_("audit", "--json").out.splitlines()]
    assert acts == [
        "settings",
        "people.add",
        "login.redeem",
        "people.role",
        "sessions.end",
        "people.link",
        "login.redeem",
        "sessions.end",
        "people.remove",
    ]


def test_browsers_have_short_names_and_times_are_moments(registry, type_):
    redeem(type_("people", "add", "anna").out.strip(), FIREFOX)
    listed = type_("people", "sessions").out
    assert re.search(rf"hub~anna +link +{MOMENT} +127\.0\.0\.1 +Firefox 140, Linux$", listed, re.M)
    assert type_("people", "sessions", "--json").json["sessions"][0]["browser"] == FIREFOX
    assert re.search(rf"hub~anna +viewer .*{MOMENT} +1$", type_("people").out, re.M)
    assert type_("people", "sessions", "anna", "--end-all").code == 0
    redeem(type_("people", "add", "bob").out.strip(), "a\x9b2J" + "b" * 90)
    last = type_("people", "sessions").out.splitlines()[-1]
    assert last.endswith("b" * 36) and "\x9b" not in last


def test_whoever_is_there_gets_another_link_and_keeps_the_role(registry, type_):
    type_("people", "add", "anna", "--role", "admin")
    again = type_("people", "add", "anna")
    assert "keeps its role" in again.err
    assert redeem(again.out.strip())["role"] == "admin"


def test_what_names_nobody_is_refused(registry, type_):
    assert type_("people", "add", "No Body").code == 2
    assert type_("people", "role", "nobody", "viewer").code == 1
    assert type_("people", "role", "nobody", "king").code == 2
