"""What an agent's log says of its login: each thing once."""

from __future__ import annotations

import pytest

from chatixia.errors import NameTaken, Unavailable
from chatixia.peer.control.login_log import GAP_SECONDS, LoginLog

URL = "https://192.0.2.1:8443"


class Now:
    """A clock that a test moves."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is said at a level that people see, since the last time."""
    said = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    caplog.clear()
    return said


def test_a_loss_is_said_once_and_its_end_too(caplog: pytest.LogCaptureFixture):
    log = LoginLog("weather", Now())
    log.back(URL)
    assert not warned(caplog)
    for _ in range(3):
        log.lost(URL)
    [said] = warned(caplog)
    assert said.startswith(f"weather: the registry {URL} is lost: calls over open links go on")
    for _ in range(3):
        log.back("https://192.0.2.2:8443")
    assert warned(caplog) == ["weather: the registry is back at https://192.0.2.2:8443."]


def test_what_flickers_fills_no_log(caplog: pytest.LogCaptureFixture):
    now = Now()
    log = LoginLog("weather", now)
    log.lost(URL)
    log.back(URL)
    warned(caplog)
    now.at = GAP_SECONDS - 0.1
    log.lost(URL)
    log.back(URL)
    assert not warned(caplog)
    now.at = GAP_SECONDS
    log.lost(URL)
    assert len(warned(caplog)) == 1


def test_a_refusal_is_said_until_the_reason_is_another(caplog: pytest.LogCaptureFixture):
    log = LoginLog("weather", Now())
    taken = NameTaken("The name weather is taken.")
    for _ in range(3):
        log.refused(URL, taken)
    assert warned(caplog) == [f"{URL} refuses the login of weather: {taken}"]
    log.refused(URL, Unavailable("Not now."))
    log.refused(URL, taken)
    assert len(warned(caplog)) == 2
    log.back(URL)
    log.refused(URL, taken)
    assert len(warned(caplog)) == 1


def test_a_client_reads_a_refusal_as_its_error_alone(caplog: pytest.LogCaptureFixture):
    LoginLog("desk~a2b3c4", Now()).refused(URL, NameTaken("The name is taken."))
    assert not warned(caplog)
