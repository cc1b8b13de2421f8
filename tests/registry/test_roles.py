"""Every route, verb and kind of event times every role, nobody, an expired session and a removed
person: one table, which docs/security.md shows as it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import patch

import pytest

from chatixia.core.ports import Principal
from chatixia.ids import AgentId
from chatixia.registry.roles import hears, may, reads_content
from chatixia.registry.trust import services
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.people import EVENT_ROLES, ROLES, PersonRef
from chatixia.wire.verb import Verb
from chatixia.wire.verbs import BY_NAME, TABLE
from tests.registry.browsers import Browser, as_owner, browser_of
from tests.registry.doors import http_call

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
HEAD = "| what | nobody | viewer | operator | admin | expired, removed |"
PEOPLE = [verb for verb in TABLE if {"open", "person"} & set(verb.callers)]
REFUSED = {401: "401", 403: "403"}


def person(role: str) -> Principal:
    return Principal(AgentId("hub~anna"), "person", role=role)


def test_each_role_may_what_those_before_it_may():
    assert [[may(person(mine), role) for role in ROLES] for mine in ("", *ROLES)] == [
        [False, False, False],
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]


def test_a_viewer_reads_no_content_and_the_mesh_s_own_principals_do():
    assert [reads_content(person(role)) for role in ROLES] == [False, True, True]
    assert reads_content(Principal(AgentId("pi"), "agent"))


def test_an_unknown_kind_of_event_is_for_admins_and_the_owner():
    assert [hears(person(role), "secret") for role in ROLES] == [False, False, True]
    assert hears(Principal(AgentId("admin"), "owner"), "secret") and not hears(None, "agent")


def route(verb: Verb) -> tuple[str, str]:
    """A request of the verb; what it names is not there, which is judged after the right to ask."""
    return verb.method, re.sub(r"{(\w+)}", "hub~nothing", verb.path)


async def cell(browser: Browser | None, registry: RegistryHarness, verb: Verb) -> str:
    """What became of a request: its refusal, or that it was let through to the handler."""
    method, path = route(verb)
    body = None if method in ("GET", "DELETE") else {}
    if browser is None:
        answer = await http_call(registry, method, path, body)
    else:
        answer = await browser.call(method, path, body)
    open_refusal = "open" in verb.callers and answer.status == 401
    return "yes" if open_refusal else REFUSED.get(answer.status, "yes")


async def socket_cell(browser: Browser, name: str) -> str:
    """The same over the page's WebSocket."""
    peer = await browser.dial()
    frame = await peer.verb(name, task_id="t_x", agent_id="x", id="x", name="x", skill="x")
    await peer.close()
    return {"denied": "403", "unauthorized": "401"}.get(frame.get("code", ""), "yes")


def written() -> list[list[str]]:
    """The rows of the table in docs/security.md."""
    text = PAGE.read_text(encoding="utf-8").partition(HEAD)[2].partition("\n\n")[0]
    return [[part.strip() for part in line.strip("|").split("|")] for line in text.splitlines()[2:]]


@pytest.fixture(autouse=True)
def unrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let who is refused hear why, as often as the table asks."""
    monkeypatch.setattr(services, "FAILURE_RATE", (10_000.0, 1.0))


@pytest.fixture
async def browsers(registry: RegistryHarness) -> dict[str, Browser]:
    made = {role: await browser_of(registry, f"a-{role}", role) for role in ROLES}
    with patch("chatixia.registry.people.logins.SESSION_SECONDS", 0.0):
        made["expired"] = await browser_of(registry, "expired", "admin")
    made["removed"] = await browser_of(registry, "removed", "admin")
    await as_owner(registry, "people.remove", PersonRef("hub~removed"))
    return made


async def test_the_table_in_the_documents_is_what_each_may(
    registry: RegistryHarness, browsers: dict[str, Browser]
):
    rows = []
    ends = BY_NAME["login.end"]  # it would end the session that the other rows need
    for verb in [verb for verb in PEOPLE if verb is not ends] + [ends]:
        cells = [await cell(None, registry, verb)]
        cells += [await cell(browsers[role], registry, verb) for role in ROLES]
        out = {await cell(browsers[name], registry, verb) for name in ("expired", "removed")}
        rows.append([f"`{verb.name}`", *cells, " ".join(sorted(out))])
    for kind in EVENT_ROLES:
        told = ["yes" if hears(person(role), kind) else "-" for role in ROLES]
        rows.append([f"events of kind `{kind}`", "-", *told, "-"])
    print("\n".join([HEAD, "|---|---|---|---|---|---|"] + [f"| {' | '.join(r)} |" for r in rows]))
    assert rows == written(), "paste the printed table into docs/security.md"


@pytest.mark.parametrize("role", ROLES)
async def test_the_socket_judges_as_the_routes_do(
    registry: RegistryHarness, browsers: dict[str, Browser], role: str
):
    table = {row[0].strip("`"): row for row in written()}
    for verb in (verb for verb in PEOPLE if verb.ws and "open" not in verb.callers):
        said = await socket_cell(browsers[role], verb.name)
        assert said == table[verb.name][2 + ROLES.index(role)], verb.name  # type: ignore[arg-type]


async def test_what_is_no_verb_is_for_whoever_is_logged_in(
    registry: RegistryHarness, browsers: dict[str, Browser]
):
    for path in ("/metrics", "/api/openapi.json"):
        assert (await http_call(registry, "GET", path)).status == 401
        for name, browser in browsers.items():
            wanted = 200 if name in ROLES else 401
            assert (await browser.call("GET", path)).status == wanted, (path, name)


async def test_events_reach_whom_the_table_says(
    registry: RegistryHarness, browsers: dict[str, Browser]
):
    events = registry.running.service.events
    peers = {role: await browsers[role].dial() for role in ROLES}
    for peer in peers.values():
        await peer.verb("watch")
    for kind in EVENT_ROLES:
        events.tell(kind, f"told-{kind}", "x")
        await events.note(kind, f"noted-{kind}", "x")
    await events.note("agent", "last", "x")
    for role, peer in peers.items():
        await peer.next("event", id="last")
        ids = {frame["id"] for frame in peer.kept if frame["type"] == "event"}
        wanted = {kind for kind in EVENT_ROLES if hears(person(role), kind)}
        assert ids >= {f"{how}-{kind}" for kind in wanted for how in ("told", "noted")}
        assert not {i.partition("-")[2] for i in ids if "-" in i} - wanted, role
        late = await browsers[role].dial()  # what was missed is judged as well
        await late.verb("watch", cursor=f"{registry.running.store.generation}.0")
        await late.next("event", id="last")
        ids = {frame["id"] for frame in late.kept if frame["type"] == "event"}
        assert {i.partition("-")[2] for i in ids if i.startswith("noted")} == wanted
