"""Who the people are: added, given another role, removed, each at once; their sessions listed."""

from __future__ import annotations

import pytest

from chatixia.errors import NotFound
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.audit import AuditQuery
from chatixia.wire.people import PeopleQuery, PersonRef, SessionRef, SessionsQuery
from tests.registry.browsers import (
    Browser,
    as_owner,
    browser_of,
    by_password,
    owners_browser,
    redeem,
)
from tests.registry.doors import person

PASSWORD = "a horse that reads"


async def test_an_admin_adds_people_and_each_act_is_recorded(registry: RegistryHarness):
    admin = await owners_browser(registry)
    made = await admin.call("POST", "/api/people", {"name": "anna", "role": "viewer"})
    assert made.status == 201 and made.json["id"] == "hub~anna"
    again = await admin.call("POST", "/api/people", {"name": "anna", "role": "admin"})
    assert (again.status, again.code) == (409, "name_taken")
    for name in ("Anna", "", "a b", "x" * 33, "hub"):
        answer = await admin.call("POST", "/api/people", {"name": name, "role": "viewer"})
        assert answer.status in ((201,) if name == "hub" else (422,)), name
    anna = await redeem(registry, made.json["secret"])
    assert anna.json["person"] == "hub~anna"
    role = await admin.call("POST", "/api/people/hub~anna/role", {"role": "operator"})
    assert role.status == 200
    assert (await admin.call("DELETE", "/api/people/hub~anna")).status == 200
    assert (await admin.call("DELETE", "/api/people/hub~anna")).code == "not_found"
    page = await registry.running.service.audit.page(
        person(), AuditQuery(target="hub~anna", oldest=True)
    )
    assert [(line.actor, line.act, line.detail) for line in page.lines] == [
        ("hub~admin", "people.add", "role viewer"),
        ("hub~anna", "login.redeem", ""),
        ("hub~admin", "people.role", "viewer to operator"),
        ("hub~admin", "people.remove", ""),
    ]
    assert made.json["secret"] not in str(page)


async def test_another_role_holds_at_once(registry: RegistryHarness):
    anna = await browser_of(registry, "anna", "viewer")
    admin = await owners_browser(registry)
    peer = await anna.dial()
    task = {"skill": "fold"}
    assert (await anna.call("POST", "/api/hub/tasks", task)).code == "denied"
    await admin.call("POST", "/api/people/hub~anna/role", {"role": "operator"})
    assert await peer.closed() == 1008
    assert (await anna.call("POST", "/api/hub/tasks", task)).status == 200
    await admin.call("POST", "/api/people/hub~anna/role", {"role": "viewer"})
    assert (await anna.call("POST", "/api/hub/tasks", task)).code == "denied"


async def test_who_is_removed_is_out_at_once(registry: RegistryHarness):
    anna = await browser_of(registry, "anna", "admin")
    await anna.call("POST", "/api/session/password", {"new": PASSWORD})
    admin = await owners_browser(registry)
    peer = await anna.dial()
    other = await as_owner(registry, "people.link", PersonRef("hub~anna"))
    await admin.call("DELETE", "/api/people/hub~anna")
    assert await peer.closed() == 1008
    assert (await anna.call("GET", "/api/session")).status == 401
    assert (await by_password(registry, "anna", PASSWORD)).status == 401
    assert (await redeem(registry, other.secret)).status == 401


async def test_nobody_takes_its_own_rights_away_by_a_slip(registry: RegistryHarness):
    admin = await owners_browser(registry)
    role = await admin.call("POST", "/api/people/hub~admin/role", {"role": "viewer"})
    assert role.code == (await admin.call("DELETE", "/api/people/hub~admin")).code == "denied"


async def test_the_owners_machine_always_has_a_way_back(registry: RegistryHarness):
    anna = await browser_of(registry, "anna", "admin")
    await owners_browser(registry)
    assert (await anna.call("DELETE", "/api/people/hub~admin")).status == 200
    back = await owners_browser(registry)
    assert (back.person, back.role) == ("hub~admin", "admin")
    assert (await back.call("GET", "/api/people")).status == 200


async def test_a_password_is_ones_own_and_its_change_ends_the_other_sessions(
    registry: RegistryHarness,
):
    anna = await browser_of(registry, "anna", "viewer")
    assert (await anna.call("POST", "/api/session/password", {"new": "short"})).status == 422
    assert (await anna.call("POST", "/api/session/password", {"new": PASSWORD})).status == 200
    second = Browser(registry, await by_password(registry, "anna", PASSWORD))
    change = {"new": PASSWORD + " twice", "old": "wrong"}
    assert (await second.call("POST", "/api/session/password", change)).status == 401
    change["old"] = PASSWORD
    assert (await second.call("POST", "/api/session/password", change)).status == 200
    assert (await anna.call("GET", "/api/session")).status == 401
    assert (await second.call("GET", "/api/session")).status == 200
    assert (await by_password(registry, "anna", PASSWORD)).status == 401


async def test_sessions_are_listed_and_ended_ones_own_alone_for_who_is_no_admin(
    registry: RegistryHarness,
):
    admin = await owners_browser(registry)
    anna = await browser_of(registry, "anna", "operator")
    mine = (await anna.call("GET", "/api/sessions?person=hub~admin", user_agent="Fox 1")).json
    [session] = mine["sessions"]
    assert (session["person"], session["current"]) == ("hub~anna", True)
    assert session["origin"] == "127.0.0.1" and session["method"] == "link"
    everybody = (await admin.call("GET", "/api/sessions")).json["sessions"]
    assert {one["person"] for one in everybody} == {"hub~admin", "hub~anna"}
    [other] = [one["id"] for one in everybody if one["person"] == "hub~admin"]
    assert (await anna.call("POST", f"/api/sessions/{other}/end", {})).code == "not_found"
    peer = await anna.dial()
    assert (await admin.call("POST", f"/api/sessions/{session['id']}/end", {})).status == 200
    assert await peer.closed() == 1008
    assert (await anna.call("GET", "/api/session")).status == 401
    for secret in (anna.page, anna.cookie.partition("=")[2]):
        assert secret not in str(everybody)


async def test_the_owner_lists_and_ends_them_too(registry: RegistryHarness):
    anna = await browser_of(registry, "anna", "operator")
    people = await as_owner(registry, "people.list", PeopleQuery())
    assert [(one.id, one.role, one.sessions) for one in people.people] == [
        ("hub~anna", "operator", 1)
    ]
    page = await as_owner(registry, "sessions.list", SessionsQuery("hub~anna"))
    await as_owner(registry, "sessions.end", SessionRef(page.sessions[0].id))
    assert (await anna.call("GET", "/api/session")).status == 401
    with pytest.raises(NotFound):
        await as_owner(registry, "people.link", PersonRef("hub~nobody"))


async def test_admins_watch_who_comes_and_goes(registry: RegistryHarness):
    admin = await owners_browser(registry)
    peer = await admin.dial()
    await peer.verb("watch")
    await browser_of(registry, "anna", "viewer")
    assert (await peer.next("event", kind="person"))["id"] == "hub~anna"
