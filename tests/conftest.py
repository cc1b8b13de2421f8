"""What holds for every test: no skip in CI, long ones first, and no word to any other host."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import subprocess
from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from tests.faults.passed import PassedTests
from tests.lab.netns import Lab, unable
from tests.lab.procs import Procs

CI = os.environ.get("CI", "").lower() in {"1", "true"}
settings.register_profile("patient", deadline=None)  # a busy machine is no defect
settings.load_profile("patient")
os.environ.setdefault("CHATIXIA_LINKS_RELAY", "false")  # as tests.lab.procs.Procs says
INTEGRATION = (
    "assembly",
    "bench",
    "cli/test_chat.py",
    "hub",
    "interop",
    "lab",
    "peer/engines",
    "peer/links",
    "peer/test_driver.py",
    "registry/web",
)
"""Where tests start engines, servers or processes; `make unit` leaves them out, and commands that
are typed at a registry."""
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs deaf to Ctrl-C, and each process of a test would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
CUT_OFF = os.environ.get("CHATIXIA_CUT_OFF") == "1"  # set by scripts/isolated.sh


def pytest_configure(config: pytest.Config) -> None:
    """Keep a record of what passes, for `make faults`; a run with a fault has none."""
    if not hasattr(config, "workerinput") and "CHATIXIA_FAULT" not in os.environ:
        config.pluginmanager.register(PassedTests())


@pytest.hookimpl(trylast=True)  # after the folders have set their marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Start the long waits first, so that the unit tests run beside them."""
    root = config.rootpath / "tests"
    for item in items:
        place = item.path.relative_to(root) if item.path.is_relative_to(root) else item.path
        types = place.is_relative_to("cli") and "registry" in getattr(item, "fixturenames", ())
        if types or any(place.is_relative_to(each) for each in INTEGRATION):
            item.add_marker(pytest.mark.integration)
    items.sort(key=lambda item: item.get_closest_marker("acceptance") is None)


@pytest.fixture(scope="session", autouse=True)
def audited() -> Iterator[None]:
    """Each act of a person at a registry of this process has its line."""
    from tests import acts  # late: where the package is broken each test says so, not the run

    with pytest.MonkeyPatch.context() as patch:
        acts.watch(patch)
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that needs root says what it misses; in CI the hook below turns that into red."""
    if item.get_closest_marker("root") and (why := unable()):
        pytest.skip(why)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: nothing may drop out unseen."""
    report = yield
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself."""
    report = yield
    if CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"  # type: ignore[assignment]
    return report


def other_hosts() -> tuple[int, str]:
    """Packets that tried to leave for any host but this one, and which addresses they named."""
    shown = subprocess.run(
        ["nft", "list", "table", "inet", "outside"], capture_output=True, text=True, check=True
    ).stdout
    count = re.search(r"counter other \{\s*packets (\d+)", shown)
    named = re.search(r"elements = \{([^}]*)\}", shown)
    assert count, shown
    return int(count[1]), " ".join(named[1].split()) if named else "-"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hold, over the whole run, the promise to contact no host but the mesh's own."""
    if not CUT_OFF or hasattr(session.config, "workerinput"):
        return
    packets, named = other_hosts()
    if packets:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    session.config.stash[OUTSIDE] = f"{packets} packets to other hosts: {named}"


OUTSIDE = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the counter said."""
    if said := terminalreporter.config.stash.get(OUTSIDE, ""):
        terminalreporter.write_line(said)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """An empty network of one's own: namespaces, cables and switches, gone at the end."""
    with Lab() as made:
        yield made


@pytest.fixture
def procs(tmp_path: pathlib.Path) -> Iterator[Procs]:
    """Processes in a CHATIXIA_HOME of the test's own, all gone at the end."""
    made = Procs(tmp_path)
    yield made
    made.close()


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    # The browser's own errands are not ours: it resolves no name, so it finds no other host.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of the system's Chromium that may log no error and ask no other host.

    While a test has set ``page.offline``, errors in the log are what it expects.

    A browser per test: Playwright's own loop lives in this thread while it runs, and no asyncio
    test of the same process could run beside it.
    """
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip("needs a browser: apt-get install chromium")
    wrong: list[str] = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=found, args=BROWSER_FLAGS)
        opened = browser.new_page()
        opened.on("pageerror", lambda error: wrong.append(str(error)))
        opened.offline = False

        def log(said: Any) -> None:
            if said.type == "error" and not opened.offline:
                wrong.append(said.text)

        opened.on("console", log)
        opened.on("request", lambda asked: foreign(asked.url) and wrong.append(asked.url))
        yield opened
        browser.close()
    assert not wrong, wrong


def foreign(url: str) -> bool:
    """Tell whether a page's request leaves this machine."""
    parts = urlsplit(url)
    local = {"127.0.0.1", "localhost", "::1"}
    return parts.scheme in {"http", "https", "ws", "wss"} and parts.hostname not in local
