"""Logging in at an identity provider: there and back, once, by the browser that began it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from chatixia.errors import DiskFull
from chatixia.store.control.audit import AuditEntry
from chatixia.store.control.tx import Transaction
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.audit import AuditLine, AuditQuery
from chatixia.wire.people import PersonRef, PersonRole
from tests.registry.browsers import Browser, as_owner, browser_of, redeem
from tests.registry.doors import http_call, person
from tests.registry.provided import ANNA, Traveller, configure, link_in, mock_provider

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="the mock of a provider needs Python 3.12"
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with mock_provider() as url:
        yield url


@pytest.fixture
async def served(registry: RegistryHarness, issuer: str) -> AsyncIterator[RegistryHarness]:
    await configure(registry, issuer)
    yield registry


async def test_an_account_on_the_list_logs_in_and_is_a_person(served: RegistryHarness):
    methods = await http_call(served, "GET", "/api/login/methods")
    assert methods.json == {"provider": "Example"}
    browser = Traveller(served)
    left = await browser.leave()
    assert left.status == 303 and "code_challenge_method=S256" in browser.there
    cookie = left.headers["set-cookie"]
    assert "SameSite=Lax" in cookie and "HttpOnly" in cookie and "Max-Age=600" in cookie
    page = await browser.back(await browser.consent())
    assert page.status == 200 and "script" not in page.body.decode()
    assert "Max-Age=0" in page.headers["set-cookie"]
    opened = Browser(served, await redeem(served, link_in(page)))
    assert (opened.person, opened.role) == ("hub~anna", "operator")
    assert (await opened.call("GET", "/api/session")).json["method"] == "provider"
    log = await served.running.service.audit.page(person(), AuditQuery(act="login.provider"))
    assert [(line.actor, line.origin) for line in log.lines] == [("hub~anna", "127.0.0.1")]


async def test_without_its_line_there_is_no_link(
    served: RegistryHarness, monkeypatch: pytest.MonkeyPatch
):
    def full(tx: Transaction, entry: AuditEntry) -> AuditLine:
        raise DiskFull

    browser = Traveller(served)
    await browser.leave()
    url = await browser.consent()
    monkeypatch.setattr("chatixia.store.control.audit.append", full)
    page = await browser.back(url)
    assert (page.status, link_in(page)) == (DiskFull.status, "")
    links = await served.running.store.access.run(
        lambda db: db.execute("SELECT count(*) FROM logins").fetchone()
    )
    assert links == (0,)


async def test_an_admins_word_holds_at_the_next_login(served: RegistryHarness):
    for role in ("operator", "viewer"):
        browser = Traveller(served)
        await browser.leave()
        page = await browser.back(await browser.consent())
        opened = Browser(served, await redeem(served, link_in(page)))
        assert opened.role == role
        await as_owner(served, "people.role", PersonRole("hub~anna", "viewer"))


async def test_an_answer_counts_once(served: RegistryHarness):
    browser = Traveller(served)
    await browser.leave()
    url = await browser.consent()
    assert (await browser.back(url)).status == 200
    again = await browser.back(url)
    assert (again.status, link_in(again)) == (401, "")


async def test_two_tabs_of_one_browser_both_log_in(served: RegistryHarness):
    """They share their cookies, and whichever comes back first ends nothing of the other."""
    first, second = Traveller(served), Traveller(served)
    await first.leave()
    await second.leave()
    assert first.cookie.partition("=")[0] != second.cookie.partition("=")[0]
    first.cookie = second.cookie = f"{first.cookie}; {second.cookie}"
    for tab in (second, first):
        page = await tab.back(await tab.consent())
        assert (page.status, bool(link_in(page))) == (200, True)


async def test_an_answer_belongs_to_the_browser_that_asked(served: RegistryHarness):
    """Another's code, in a link that somebody is made to open, logs nobody in."""
    eve, anna = Traveller(served), Traveller(served)
    await eve.leave()
    await anna.leave()
    url = await eve.consent()
    assert (await anna.back(url)).status == 401
    nobody = Traveller(served)
    assert (await nobody.back(url)).status == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "x"},
        {"state": ""},
        {"code": "x"},
        {"code": ""},
        {"iss": "https://evil.example.org"},
        {"error": "access_denied"},
    ],
)
async def test_an_answer_that_was_changed_is_none(served: RegistryHarness, changed: dict[str, str]):
    browser = Traveller(served)
    await browser.leave()
    page = await browser.back(await browser.consent(), **changed)
    assert (page.status, link_in(page)) == (401, "")


@pytest.mark.parametrize("sub", ["u-eve", "u-liar"])
async def test_whoever_is_not_on_the_list_is_not_let_in(served: RegistryHarness, sub: str):
    browser = Traveller(served)
    await browser.leave()
    page = await browser.back(await browser.consent(sub))
    assert (page.status, link_in(page)) == (403, "")


async def test_a_provider_takes_nobodys_name(registry: RegistryHarness, issuer: str):
    await browser_of(registry, "anna", "admin")
    await configure(registry, issuer)
    browser = Traveller(registry)
    await browser.leave()
    page = await browser.back(await browser.consent())
    assert (page.status, link_in(page)) == (409, "")
    await as_owner(registry, "people.remove", PersonRef("hub~anna"))
    await browser.leave()
    assert link_in(await browser.back(await browser.consent()))


async def test_without_a_provider_there_is_no_such_way(registry: RegistryHarness):
    for path in ("/login/provider", "/login/provider/back?state=x&code=y"):
        assert (await http_call(registry, "GET", path)).status == 404


async def test_a_provider_that_is_gone_is_said_so(registry: RegistryHarness):
    await configure(registry, "http://localhost:9")
    browser = Traveller(registry)
    answer = await browser.leave()
    assert answer.status == 503 and "does not answer" in answer.body.decode()


async def test_what_a_stranger_says_is_text_on_the_page(served: RegistryHarness):
    browser = Traveller(served)
    await browser.leave()
    page = await browser.back(await browser.consent(), error="<script>alert(1)</script>")
    assert "<script" not in page.body.decode()
    assert "script-src" not in page.headers["content-security-policy"]
    assert ANNA not in page.body.decode()
