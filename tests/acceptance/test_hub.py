"""The hub's page in a real browser: in by one link, live by one socket, honest when it is cut.

A task is put into the queue over REST by a key-less client, so that nothing but the registry runs.
Each test asks for the registry first, so that its page is closed before the registry goes.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from chatixia.assembly.membership.approve import create_code
from chatixia.assembly.membership.delegate import delegate
from chatixia.assembly.membership.hub_link import login_link
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.pairing import MOST_WRONG
from chatixia.testing.registry import RegistryProcess
from chatixia.wire.devices import DevicePair
from chatixia.wire.people import PersonRole
from chatixia.wire.registry import KeyCreate, Nothing
from tests.lab.procs import Procs

pytestmark = [pytest.mark.acceptance, pytest.mark.browser]

SOON = 15_000  # ms, a hang's bound


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryProcess]:
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    made = RegistryProcess(tmp_path / "home")
    made.start()
    yield made
    made.terminate()


@pytest.fixture
def open_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryProcess]:
    """One that lets described agents in."""
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "home"))
    made = RegistryProcess(tmp_path / "home", compat=True)
    made.start()
    yield made
    made.terminate()


def submit(registry: RegistryProcess, skill: str, times: int = 1) -> str:
    """Put tasks into the queue; the id of the last."""
    with RegistryClient.owner(registry.profile) as rest:
        key = rest.call("keys.create", KeyCreate(f"script-{skill}")).key
    line = http.client.HTTPConnection(urlsplit(registry.url).netloc, timeout=10)
    body = json.dumps({"skill": skill, "payload": {"plain": {"n": 1}}})
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    for _ in range(times):
        line.request("POST", "/api/hub/tasks", body, headers)
        answer = line.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
        assert answer.status == 200, said
    line.close()
    return str(said["task_id"])


def enter(page: Page) -> str:
    link = login_link()
    page.goto(link)
    expect(page.locator("#open")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_be_visible(timeout=SOON)
    assert "#" not in page.url
    return link


def test_a_task_comes_and_goes_before_your_eyes(registry: RegistryProcess, page: Page):
    page.add_init_script("window.setInterval = () => 0")  # so that only what is pushed comes
    enter(page)
    expect(page.locator("#mesh")).to_contain_text("mesh ", timeout=SOON)
    expect(page.locator("#tasks")).to_contain_text("No task", timeout=SOON)
    task = submit(registry, "fold")
    row = page.locator(f'tr[data-task="{task}"]')
    expect(row).to_contain_text("pending", timeout=SOON)
    expect(row).to_contain_text("queue, plain")
    row.get_by_role("button", name=f"Cancel task {task}").click()
    expect(row).to_contain_text("canceled", timeout=SOON)
    expect(row.get_by_role("button")).to_have_count(0)


def test_a_registry_in_trouble_says_so(registry: RegistryProcess, page: Page):
    """A disk that fills (as the registry would say it), then a database that is gone indeed."""

    def relay(ws: WebSocketRoute) -> None:
        server = ws.connect_to_server()
        low = '"disk_free":1,"trouble":"disk_full","detail":"The disk is nearly full."'
        server.on_message(
            lambda text: ws.send(re.sub(r'"disk_free":\d+', low, text) if full else str(text))
        )

    full = True
    page.route_web_socket("**/ws", relay)
    enter(page)
    expect(page.locator("#trouble")).to_have_text("The disk is nearly full.", timeout=SOON)
    full = False
    expect(page.locator("#trouble")).to_be_hidden(timeout=SOON)
    (registry.profile.folder / "registry" / "registry.db").unlink()
    expect(page.locator("#trouble")).to_contain_text("registry.db was deleted", timeout=SOON)


def test_the_filter_lives_in_the_address(registry: RegistryProcess, page: Page):
    task = submit(registry, "fold")
    enter(page)
    row = page.locator(f'tr[data-task="{task}"]')
    expect(row).to_be_visible(timeout=SOON)
    page.get_by_label("Show").select_option("completed")
    expect(row).to_have_count(0, timeout=SOON)
    assert page.url.endswith("?state=completed")
    page.reload()
    expect(page.get_by_label("Show")).to_have_value("completed", timeout=SOON)


def test_the_page_says_when_the_registry_is_gone_and_comes_back(
    registry: RegistryProcess, page: Page
):
    enter(page)
    expect(page.locator("#lost")).to_be_hidden()
    page.offline = True
    registry.kill()
    expect(page.locator("#lost")).to_be_visible(timeout=SOON)
    registry.start()
    expect(page.locator("#lost")).to_be_hidden(timeout=30_000)
    page.offline = False
    task = submit(registry, "later")
    expect(page.locator(f'tr[data-task="{task}"]')).to_contain_text("pending", timeout=SOON)


def test_a_link_opens_once(registry: RegistryProcess, page: Page):
    link = enter(page)
    page.context.clear_cookies()
    page.offline = True
    page.goto("about:blank")
    page.goto(link)
    page.get_by_role("button", name="Open the hub").click()
    expect(page.locator("#door-text")).to_contain_text("used already", timeout=SOON)
    expect(page.locator("#page")).to_be_hidden()


def test_a_login_refused_for_now_says_why(registry: RegistryProcess, page: Page):
    page.offline = True  # the refusal is in the browser's log
    full = {"detail": "The registry's disk is full; nothing was changed.", "code": "disk_full"}
    page.route("**/api/login/redeem", lambda route: route.fulfill(status=503, json=full), times=1)
    page.goto(login_link())
    page.get_by_role("button", name="Open the hub").click()
    expect(page.locator("#door-text")).to_contain_text("disk is full", timeout=SOON)
    page.get_by_role("button", name="Open the hub").click()
    expect(page.locator("#page")).to_be_visible(timeout=SOON)


def test_a_fresh_link_in_the_same_tab_opens(registry: RegistryProcess, page: Page):
    page.offline = True  # without a login the registry answers 401, which the log shows
    page.goto(registry.url)
    expect(page.locator("#door-text")).to_contain_text("not logged in", timeout=SOON)
    page.goto(login_link())  # the same address but for what stands after `#`
    page.get_by_role("button", name="Open the hub").click(timeout=SOON)
    expect(page.locator("#page")).to_be_visible(timeout=SOON)


def test_an_admin_adds_somebody_who_comes_in_by_password_and_sees_what_the_role_allows(
    registry: RegistryProcess, page: Page
):
    task = submit(registry, "fold")
    enter(page)
    page.get_by_label("Name", exact=True).last.fill("anna")
    page.get_by_role("button", name="Add a person").click()
    expect(page.locator('tr[data-person="hub~anna"]')).to_contain_text("viewer", timeout=SOON)
    browser = page.locator('#sessions [data-column="Browser"]')
    expect(browser).to_have_text(re.compile(r"^Chrome \d+, Linux$"))
    link = page.locator("#added-link").text_content() or ""
    page.offline = True  # without a login the registry answers 401, which the log shows
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("#login")).to_be_visible(timeout=SOON)
    page.goto(link)
    page.get_by_role("button", name="Open the hub").click()
    expect(page.locator("#person")).to_have_text("hub~anna, viewer", timeout=SOON)
    page.get_by_label("New, of 10 characters").fill("a horse that reads")
    page.get_by_role("button", name="Set it").click()
    expect(page.locator("#password-said")).to_contain_text("is set", timeout=SOON)
    page.get_by_role("button", name="Log out").click()
    page.locator("#login-person").fill("anna")
    page.locator("#login-password").fill("a horse that eats")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#login-said")).to_contain_text("is wrong", timeout=SOON)
    page.locator("#login-password").fill("a horse that reads")
    page.get_by_role("button", name="Log in").click()
    row = page.locator(f'tr[data-task="{task}"]')
    expect(row).to_contain_text("pending", timeout=SOON)
    expect(row.get_by_role("button")).to_have_count(0)
    expect(page.locator("#people-part")).to_be_hidden()
    page.reload()
    expect(row).to_be_visible(timeout=SOON)
    with RegistryClient.owner(registry.profile) as rest:
        rest.call("people.role", PersonRole("hub~anna", "admin"))
    expect(page.locator("#person")).to_have_text("hub~anna, admin", timeout=SOON)
    expect(page.locator("#people-part")).to_be_visible(timeout=SOON)


def test_a_machine_that_asks_is_approved_here_or_shows_the_command(
    registry: RegistryProcess, page: Page, procs: Procs, tmp_path: Path
):
    """What the registry may sign by a button, with the key before one's eyes; nothing else."""
    enter(page)
    expect(page.locator("#waiting-may")).to_contain_text("may sign nobody", timeout=SOON)
    pairings = {}
    for name in ("pi", "lab-1"):
        code = create_code(registry.profile).code
        words = ("pair", registry.url.partition("://")[2], code, "--as", name)
        pairings[name] = procs.start(*words, CHATIXIA_HOME=str(tmp_path / name))
        pairings[name].wait_for("waiting for the owner")
    lab, pi = (page.locator(f'tr[data-machine="{name}"]') for name in ("lab-1", "pi"))
    expect(lab).to_contain_text("chatixia approve lab-1", timeout=SOON)
    delegate(registry.profile, ["lab-*"], [], 30)
    expect(page.locator("#waiting-may")).to_contain_text("may sign lab-*", timeout=SOON)
    expect(pi).to_contain_text("chatixia approve pi", timeout=SOON)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    lab.get_by_role("button", name="Approve lab-1").click()
    expect(lab).to_have_count(0, timeout=SOON)
    key = re.search(r"machine +lab-1 +key (\S+)", pairings["lab-1"].output)
    assert key and key[1] in asked[0]
    assert pairings["lab-1"].wait(30) == 0 and "trust: registry" in pairings["lab-1"].output
    pi.get_by_role("button", name="Reject pi").click()
    assert pairings["pi"].wait(30) == 4
    # Another machine's name is an owner's to give, delegated or not.
    code = create_code(registry.profile).code
    words = ("pair", registry.url.partition("://")[2], code, "--as", "lab-1")
    procs.start(*words, CHATIXIA_HOME=str(tmp_path / "again")).wait_for("waiting for the owner")
    expect(lab).to_contain_text("chatixia approve lab-1 --replace", timeout=SOON)
    expect(lab.get_by_role("button", name="Approve lab-1")).to_have_count(0)


def test_described_agents_and_resting_codes_are_there_too(
    open_registry: RegistryProcess, page: Page
):
    """An admin who sees nobody wait would look for the fault elsewhere."""
    enter(page)
    expect(page.locator("#waiting")).to_contain_text("invite --code", timeout=SOON)
    with RegistryClient.owner(open_registry.profile) as rest:
        code = rest.call("devices.code", Nothing()).code
        asked = rest.call("devices.pair", DevicePair(code, "a rusty agent"))
    row = page.locator(f'tr[data-machine="{asked.peer_id}"]')
    expect(row).to_contain_text(f"chatixia approve {asked.peer_id}", timeout=SOON)
    expect(row).to_contain_text("described agent a rusty agent")
    row.get_by_role("button", name=f"Reject {asked.peer_id}").click()
    expect(row).to_have_count(0, timeout=SOON)
    expect(page.locator("#waiting-rest")).to_be_hidden()
    rest_codes(open_registry)
    page.reload()
    expect(page.locator("#waiting-rest")).to_contain_text("join strings work", timeout=SOON)


def rest_codes(registry: RegistryProcess) -> None:
    """Wrong codes of many addresses, until no code is taken."""
    body = json.dumps({"code": "000000", "agent_name": "x"})
    for n in range(MOST_WRONG):
        line = http.client.HTTPConnection(
            urlsplit(registry.url).netloc, timeout=10, source_address=(f"127.0.0.{2 + n // 5}", 0)
        )
        line.request("POST", "/api/pairing/pair", body, {"Content-Type": "application/json"})
        assert line.getresponse().status == 401
        line.close()


def test_a_long_list_says_so_and_names_stay_whole(registry: RegistryProcess, page: Page):
    submit(registry, "a_skill_whose_name_makes_that_of_its_client_long_too", 53)
    page.set_viewport_size({"width": 1280, "height": 800})
    enter(page)
    expect(page.locator("#tasks-shown")).to_have_text("the newest 50 of 53", timeout=SOON)
    names = page.locator("#tasks tr").first.locator(".name")
    assert names.evaluate_all("all => all.map(one => one.getClientRects().length)") == [1, 1]
    page.get_by_label("Show").select_option("completed")
    expect(page.locator("#tasks-shown")).to_have_text("", timeout=SOON)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(
    registry: RegistryProcess, page: Page, scheme: Any
):
    submit(registry, "a_skill_with_quite_a_long_name")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    enter(page)
    expect(page.locator("#tasks tr").first).to_contain_text("pending", timeout=SOON)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(245, 247, 249)", "dark": "rgb(20, 24, 27)"}[scheme]


def test_agents_and_the_links_between_them(registry: RegistryProcess, page: Page, procs: Procs):
    assert procs.run("init", "weather").returncode == 0
    assert procs.run("init", "boss", "--role", "coordinator").returncode == 0
    agents = {name: procs.start("run", name) for name in ("weather", "boss")}
    for agent in agents.values():
        agent.wait_for("online")
    enter(page)
    row = page.locator('tr[data-agent="weather"]')
    expect(row).to_contain_text("active", timeout=SOON)
    expect(row).to_contain_text("forecast")
    done = procs.run("call", "boss", "spread", "skill=forecast", 'items:=[{"city":"Oslo"}]')
    assert done.returncode == 0, done.stderr
    link = page.locator('tr[data-link*="boss"][data-link*="weather"]')
    expect(link).to_contain_text("direct", timeout=SOON)
    expect(link).to_contain_text("both ends", timeout=SOON)
    expect(link).to_contain_text(" ms")
    agents["weather"].kill()
    expect(row).not_to_contain_text("active", timeout=10_000)
    expect(link).to_have_count(0, timeout=SOON)
