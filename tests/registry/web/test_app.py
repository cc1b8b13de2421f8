"""Every route, walked: without a credential, with an expired, a foreign and a too weak one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chatixia.core.ports import Principal
from chatixia.identity import SignKey, load
from chatixia.ids import AgentId
from chatixia.registry import verbs
from chatixia.registry.call import RequestContext
from chatixia.registry.limits import RateLimits
from chatixia.registry.live import frames
from chatixia.registry.trust import services
from chatixia.registry.trust.tokens import Tokens
from chatixia.registry.verbs import allow
from chatixia.registry.web import app
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.verb import Verb
from chatixia.wire.verbs import TABLE
from chatixia.world import REAL
from tests.registry.doors import Answer, agent, enrolled, http_call, login, person, token_of

CLOSED = [verb for verb in TABLE if "open" not in verb.callers]
EXTRA = [("GET", "/metrics"), ("GET", "/api/openapi.json")]


def path_of(verb: Verb) -> str:
    return re.sub(r"\{\w+\}", "x", verb.path)


async def ask(registry: RegistryHarness, verb: Verb, **headers: str) -> Answer:
    body = None if verb.method in ("GET", "DELETE") else {}
    return await http_call(registry, verb.method, path_of(verb), body, **headers)


def minted(registry: RegistryHarness, kind: str, **more: Any) -> str:
    """A token of this very registry for a principal that only a test could make up."""
    machine = str(registry.profile.machine)
    who = Principal(AgentId(machine), kind, machine=machine, **more)
    return registry.running.service.tokens.issue(who, 1)


def outside(registry: RegistryHarness, age: float, mesh: str, key: SignKey) -> str:
    now = registry.running.store.now() - age
    made = Tokens([key], mesh, lambda: now, REAL)
    return made.issue(Principal(AgentId("admin"), "owner"))


async def test_nothing_opens_without_a_good_credential(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    await registry.stop()
    monkeypatch.setattr(services, "FAILURE_RATE", (1e6, 1.0))  # rates are another test's
    await registry.start()
    own = SignKey(load(registry.profile.folder / "registry" / "tokens.key"))
    mesh = registry.profile.mesh
    wrong = {
        "expired": f"Bearer {outside(registry, 1000, mesh, own)}",
        "foreign key": f"Bearer {outside(registry, 0, mesh, SignKey.generate())}",
        "foreign mesh": f"Bearer {outside(registry, 0, '0' * 64, own)}",
        "nonsense": "Bearer x.y.z",
        "basic": "Basic YTpi",
    }
    routes = [(verb.method, path_of(verb)) for verb in CLOSED] + EXTRA
    for method, path in routes:
        body = {} if method == "POST" else None
        answer = await http_call(registry, method, path, body)
        assert (answer.status, answer.code) == (401, "unauthorized"), path
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for name, value in wrong.items():
        for method, path in routes:
            body = {} if method == "POST" else None
            answer = await http_call(registry, method, path, body, authorization=value)
            assert answer.status == 401, (name, path, answer.body)
    good = f"Bearer {outside(registry, 0, mesh, own)}"
    assert (await http_call(registry, "GET", "/api/status", authorization=good)).status == 200


@pytest.mark.parametrize("kind", ["client", "machine", "owner", "person"])
async def test_a_too_weak_credential_is_denied(registry: RegistryHarness, kind: str):
    await login(registry, await enrolled(registry, kind="client"))  # lists this machine
    token = minted(registry, kind, role="admin" if kind == "person" else "")
    for verb in CLOSED:
        if kind not in verb.callers:
            answer = await ask(registry, verb, authorization=f"Bearer {token}")
            assert (answer.status, answer.code) == (403, "denied"), verb.name


async def test_an_agent_and_an_api_key_are_denied_what_is_not_theirs(registry: RegistryHarness):
    peer = await agent(registry, "a")
    token = await token_of(peer)
    made = await registry.running.service.trust.keys.create(person(), _key("k"))
    for verb in CLOSED:
        if "agent" not in verb.callers:
            answer = await ask(registry, verb, authorization=f"Bearer {token}")
            assert answer.status == 403, verb.name
            assert (await peer.verb(verb.name))["code"] == ("denied" if verb.ws else "unknown_type")
        if "key" not in verb.callers:
            assert (await ask(registry, verb, x_api_key=made.key)).status == 403, verb.name


def _key(name: str) -> Any:
    from chatixia.wire.registry import KeyCreate

    return KeyCreate(name)


async def test_a_right_is_asked_once_and_before_the_body(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    asked = []

    def counted(verb: Verb, call: RequestContext) -> None:
        asked.append(verb.name)
        allow(verb, call)

    for module in (app, frames, verbs):
        monkeypatch.setattr(module, "allow", counted)
    made = await registry.running.service.trust.keys.create(person(), _key("k"))
    for method, path, body, status in (
        ("POST", "/api/keys", b"no JSON at all", 403),
        ("GET", "/api/status", None, 200),
        ("GET", "/healthz", None, 200),
    ):
        answer = await http_call(registry, method, path, body, x_api_key=made.key)
        assert answer.status == status
    assert asked == ["keys.create", "status", "health"]
    asked.clear()
    client = await login(registry, await enrolled(registry, kind="client"))
    for verb in (verb for verb in CLOSED if verb.ws and "client" not in verb.callers):
        refused = await client.verb(verb.name, no_field_of_any_verb=1, limit="no number")
        assert refused["code"] == "denied", verb.name
        assert asked.pop() == verb.name and not asked
    assert (await client.verb("status"))["type"] == "result" and asked == ["status"]


async def test_head_is_get_without_its_body(registry: RegistryHarness):
    for path, status in (("/healthz", 200), ("/api/status", 401), ("/api/token", 405), ("/", 200)):
        answer = await http_call(registry, "HEAD", path)
        assert (answer.status, answer.body) == (status, b""), path
    answer = await http_call(registry, "POST", "/healthz", {})
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_unknown_paths_methods_and_bodies(registry: RegistryHarness):
    for path in ("/nothing", "/api/nothing", "/api/../../etc/passwd", "/%2e%2e/x", "/api/hub/"):
        answer = await http_call(registry, "GET", path)
        assert (answer.status, answer.code) == (404, "not_found"), path
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await http_call(registry, "DELETE", "/api/token")
    assert answer.status == 405 and answer.headers["allow"] == "POST"
    answer = await http_call(registry, "POST", "/api/token", b"{")
    assert (answer.status, answer.code) == (400, "bad_request")
    answer = await http_call(registry, "POST", "/api/token", {"assertion": 7})
    assert (answer.status, answer.code) == (422, "invalid")
    answer = await http_call(registry, "POST", "/api/token", b"a=b", content_type="text/plain")
    assert answer.status == 400
    answer = await http_call(registry, "POST", "/api/join", b"x" * 70_000)
    assert (answer.status, answer.code) == (413, "too_large")


async def test_headers_that_every_answer_has(registry: RegistryHarness):
    for path in ("/healthz", "/nothing", "/api/status"):
        headers = (await http_call(registry, "GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers and "access-control-allow-origin" not in headers


async def test_metrics_and_description_for_any_good_credential(registry: RegistryHarness):
    peer = await agent(registry, "a")
    bearer = f"Bearer {await token_of(peer)}"
    metrics = await http_call(registry, "GET", "/metrics", authorization=bearer)
    assert metrics.status == 200 and b"chatixia_agents 1.0" in metrics.body
    assert b'"a"' not in metrics.body
    described = await http_call(registry, "GET", "/api/openapi.json", authorization=bearer)
    assert described.json["openapi"].startswith("3.1")


async def test_too_many_open_calls_are_told_when_to_come_back(
    registry: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(registry.running.service.web, "_near", RateLimits(REAL, 20.0, 0.01))
    for _ in range(40):
        answer = await http_call(registry, "POST", "/api/nonce", {})
        if answer.status == 429:
            break
    assert answer.code == "busy" and int(answer.headers["retry-after"]) > 0
    assert (await http_call(registry, "GET", "/healthz")).status == 200
