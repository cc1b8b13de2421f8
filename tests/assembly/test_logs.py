"""The level of the log, from where it may be named."""

import logging
import os
import subprocess
import sys

import pytest

from chatixia.assembly import logs
from chatixia.errors import ConfigError

SCRIPT = """
import logging
from chatixia.assembly.logs import set_up_script
{before}
set_up_script()
logging.getLogger("chatixia").info("seen")
"""


@pytest.mark.parametrize(
    ("ours", "other", "found"),
    [
        ("", "", ""),
        ("INFO", "", "info"),
        ("error", "debug", "error"),
        ("", "Debug", "debug"),
        ("", "trace", ""),
        ("", "30", ""),
    ],
)
def test_the_level(monkeypatch, ours, other, found):
    monkeypatch.setenv("CHATIXIA_LOG", ours)
    monkeypatch.setenv("LOG_LEVEL", other)
    assert logs.level() == found


def test_a_level_that_is_none(monkeypatch):
    monkeypatch.setenv("CHATIXIA_LOG", "loud")
    with pytest.raises(ConfigError, match="it takes debug, info, warning, error"):
        logs.set_up()


@pytest.mark.parametrize(
    ("asked", "before", "shown"),
    [
        ("info", "", " INFO chatixia seen"),
        ("", "", ""),
        ("info", "logging.basicConfig(format='mine %(message)s', level='INFO')", "mine seen"),
    ],
)
def test_a_script_has_a_log_only_if_it_is_asked_for(asked, before, shown):
    environ = {**os.environ, "CHATIXIA_LOG": asked, "LOG_LEVEL": ""}
    code = SCRIPT.format(before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ)
    assert shown in done.stderr
    assert (done.stderr.count("\n"), logging.getLogger("chatixia").handlers) == (bool(shown), [])


COMMAND = """
import logging
from chatixia.assembly.logs import set_up
{before}
set_up("info")
set_up("info")
{after}
logging.getLogger("chatixia").warning("seen")
"""
ROOT = "logging.basicConfig(format='mine %(message)s')"
NAMED = (
    "mine = logging.StreamHandler(); mine.setFormatter(logging.Formatter('mine %(message)s'));"
    " logging.getLogger('chatixia').addHandler(mine)"
)


@pytest.mark.parametrize("before", ["", ROOT, NAMED])
@pytest.mark.parametrize("after", ["", ROOT, NAMED])
def test_a_command_prints_each_line_once_whatever_log_the_user_set_up(before, after):
    if {before, after} == {ROOT, NAMED}:
        return  # the user asked for it twice
    code = COMMAND.format(before=before, after="" if after == before else after)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    [line] = done.stderr.splitlines()
    assert line.endswith("seen")
    assert line.startswith("mine") is bool(before or after)


@pytest.mark.parametrize(("level", "shown"), [("info", True), ("debug", True), ("warning", False)])
def test_each_request_served_is_a_line_only_at_a_level_that_was_asked_for(level, shown):
    code = (
        "import logging; from chatixia.assembly.logs import set_up\n"
        "set_up(); logging.getLogger('chatixia.served').info('served')\n"
        "print(bool(logging.getLogger('chatixia.served').level))"
    )
    environ = {**os.environ, "CHATIXIA_LOG": level}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ)
    assert done.stdout.strip() == str(shown) and ("served" in done.stderr) is shown
