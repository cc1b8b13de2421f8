"""The table of verbs: names, routes and errors are unique, known and complete."""

from __future__ import annotations

import re

import msgspec
import pytest

from chatixia.errors import TABLE as ERRORS
from chatixia.wire import verbs
from chatixia.wire.verb import Verb


def test_names_and_routes_are_unique():
    assert len(verbs.BY_NAME) == len(verbs.TABLE)
    routes = [(verb.method, verb.path) for verb in verbs.TABLE]
    assert len(set(routes)) == len(routes)


@pytest.mark.parametrize("verb", verbs.TABLE, ids=lambda verb: verb.name)
def test_each_verb_is_sound(verb: Verb):
    names = {field.encode_name for field in msgspec.structs.fields(verb.request)}
    assert set(re.findall(r"{(\w+)}", verb.path)) <= names
    assert set(verb.errors) <= set(ERRORS)
    assert verb.callers
    assert ("open" in verb.callers) <= (not verb.ws), "an open verb needs no login, so no socket"


NO_ACT = {
    "nonce": "changes nothing that anybody could see",
    "pairings.wait": "tells a machine that asked how it stands",
    "join.begin": "shows an invitation to whoever has its key, and changes nothing",
    "token": "a short credential made of a lasting one",
    "watch": "a read",
    "audit.list": "a read",
}
"""Verbs that are open, or the owner's or people's, and leave no line in the audit log: why."""


@pytest.mark.parametrize("verb", verbs.TABLE, ids=lambda verb: verb.name)
def test_each_act_of_owner_people_and_strangers_is_audited(verb: Verb):
    acts = set(verb.callers) & {"open", "owner", "person"}
    if verb.method != "GET" and verb.name not in NO_ACT:
        assert acts <= set(verb.audited)
    assert set(verb.audited) <= set(verb.callers)
    fields = {field.encode_name for field in msgspec.structs.fields(verb.request)}
    assert not verb.target or verb.target in fields


def test_only_the_named_routes_are_open():
    assert {verb.name for verb in verbs.TABLE if "open" in verb.callers} == {
        "health",
        "ready",
        "nonce",
        "token",
        "join.begin",
        "join",
        "pairings.begin",
        "pairings.wait",
        "devices.pair",
        "login.redeem",
        "login.password",
        "login.methods",
    }


def test_the_table_makes_a_schema():
    kinds = [kind for verb in verbs.TABLE for kind in (verb.request, verb.reply)]
    _, components = msgspec.json.schema_components(kinds)
    assert {"Submit", "AgentRecord", "Topology"} <= set(components)


@pytest.mark.parametrize(
    "route",
    [
        ("POST", "/api/token"),
        ("GET", "/api/config"),
        ("GET", "/api/registry/agents"),
        ("POST", "/api/registry/agents"),
        ("GET", "/api/registry/agents/{agent_id}"),
        ("DELETE", "/api/registry/agents/{agent_id}"),
        ("GET", "/api/registry/route"),
        ("POST", "/api/hub/heartbeat"),
        ("POST", "/api/hub/tasks"),
        ("GET", "/api/hub/tasks/all"),
        ("GET", "/api/hub/tasks/{task_id}"),
        ("POST", "/api/hub/tasks/{task_id}"),
        ("GET", "/api/hub/network/topology"),
    ],
)
def test_described_routes_are_served(route: tuple[str, str]):
    assert route in {(verb.method, verb.path) for verb in verbs.TABLE}
