"""An error's sentence, cure and exit code, for scripts as for commands."""

from __future__ import annotations

import errno
import os
import sqlite3
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from chatixia.assembly.error_text import (
    CURES,
    FULL,
    LOCKED,
    OWNER_OVER,
    SCRIPT,
    Audience,
    explain,
    in_line,
    of_system,
    plain,
    sentence,
)
from chatixia.errors import (
    TABLE,
    AlreadyRunning,
    BadArguments,
    BadInvitation,
    ConfigError,
    DeadlineExceeded,
    DiskFull,
    Expired,
    MeshError,
    RegistryUnreachable,
    Revoked,
    UnknownSkill,
    Unreachable,
    WrongMesh,
)

RAISES = """
import logging, sys
from chatixia.assembly.error_text import if_uncaught
from chatixia.errors import NameTaken
logging.getLogger("chatixia").setLevel(sys.argv[1])
error = NameTaken("The name a is taken.")
if_uncaught(error)
raise error if sys.argv[2] == "same" else ValueError("another")
"""


def test_every_cure_is_for_a_code_that_exists():
    assert set(CURES) <= set(TABLE)


def test_the_sentence_ends_with_one_cure():
    assert explain(AlreadyRunning("a runs")) == "a runs. Stop that one first."
    assert explain(Unreachable("Start it with `chatixia up`.")) == "Start it with `chatixia up`."
    noted = ConfigError("No.")
    noted.add_note("Do this.")
    assert explain(noted) == "No. Do this."


def test_a_person_hears_that_it_may_have_been_done():
    gone = Unreachable("weather cannot be reached.", agent="weather", outcome="unknown")
    assert explain(gone).startswith("weather cannot be reached. It may have been done. See ")
    assert "done" not in explain(Unreachable())
    for kind in TABLE.values():
        doubt = "It may have been done." in explain(kind())
        assert doubt == (kind.default_outcome == "unknown" and kind.code != "outcome_unknown")


def test_foreign_text_steers_no_terminal():
    assert "\x1b" not in plain("a\x1b[2Jb")
    assert sentence("a\nb") == "a b."
    assert plain("Oslo \u202egnp.exe\u2066") == "Oslo �gnp.exe�"


def test_foreign_text_looks_like_no_other_row():
    assert in_line(" one\r\n  two\u2028three\x85\x0bfour\x1b ") == "one two three four�"


@pytest.mark.parametrize(
    ("level", "raised", "code", "shown"),
    [
        ("WARNING", "same", 4, "error  The name a is taken. Choose another name"),
        ("DEBUG", "same", 4, "Traceback"),
        ("WARNING", "another", 1, "ValueError: another"),
    ],
)
def test_an_error_that_nobody_catches(level: str, raised: str, code: int, shown: str):
    done = subprocess.run(
        [sys.executable, "-c", RAISES, level, raised],
        capture_output=True,
        text=True,
        env=dict(os.environ),
    )
    assert done.returncode == code
    assert shown in done.stderr
    assert ("Traceback" in done.stderr) == (raised == "another" or level == "DEBUG")


def caused(cause: Exception) -> ConfigError:
    made = ConfigError("x cannot be written.")
    made.__cause__ = cause
    return made


@pytest.mark.parametrize(
    ("number", "shown"),
    [(errno.ENOSPC, FULL), (errno.EACCES, LOCKED), (errno.EROFS, LOCKED), (errno.ENOENT, "")],
)
def test_what_the_disk_refused_has_a_cure(number: int, shown: str):
    cause = OSError(number, os.strerror(number), "x")
    assert explain(caused(cause)) == f"x cannot be written. {shown}".rstrip()
    assert of_system(cause) == f"x cannot be used: {os.strerror(number)}."


def test_an_error_of_tls_is_none_of_the_disk():
    """Its number is OpenSSL's, and 1 is that of a right that is missing."""
    cause = ssl.SSLCertVerificationError(1, "self-signed certificate")
    assert explain(caused(cause)) == "x cannot be written."


@pytest.mark.parametrize("owner", ["admin", "admin.2", "admin~anna", "The owner admin~anna"])
def test_an_owner_s_end_is_not_its_machine_s(owner: str):
    assert explain(Revoked(f"{owner} was revoked.")) == f"{owner} was revoked. {OWNER_OVER}"
    assert "chatixia invite" in explain(Revoked("administrator was revoked by the owner."))


def test_a_database_on_a_full_disk(tmp_path: Path):
    db = sqlite3.connect(tmp_path / "db")
    db.execute("PRAGMA max_page_count = 2")
    db.execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.OperationalError) as caught:
        db.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert explain(caused(caught.value)).endswith(FULL)
    db.close()


def test_no_caller_can_lengthen_a_skills_own_limit():
    own = DeadlineExceeded("The skill slow took longer than its 5 s.")
    assert explain(own) == f"{own.message} It may have been done."


def test_more_time_is_no_cure_for_silence():
    silent = DeadlineExceeded("b has said nothing for 60 s.")
    assert explain(silent, Audience("ask", True)).endswith(
        "`chatixia ping` whether it answers at all."
    )


@pytest.mark.parametrize(
    ("error", "audience", "cure"),
    [
        (DeadlineExceeded(), Audience("call", True), "Give it longer with --timeout SECONDS."),
        (DeadlineExceeded(), Audience("agents"), "Try again in a moment."),
        (DeadlineExceeded(), SCRIPT, "Give it longer with timeout=."),
        (Expired(), SCRIPT, "Give it longer with deadline=."),
        (Expired(), Audience("tasks watch"), "`chatixia tasks retry TASK`."),
        (
            DiskFull("The disk has no room for x (9 bytes)."),
            Audience("call"),
            "bytes). Free some space on that disk.",
        ),
        (WrongMesh(), Audience("join"), "Check that the whole join string was copied."),
        (WrongMesh(), Audience("call"), "See which address is used with `chatixia config`."),
        (UnknownSkill(), SCRIPT, "See which agent has which skill with `chatixia agents`."),
        (BadArguments("No."), SCRIPT, " No."),
        (
            BadInvitation("This invitation was used already."),
            Audience("join"),
            "already. Ask the owner for a new one: `chatixia invite NAME`, or `--code`.",
        ),
    ],
)
def test_a_cure_fits_where_it_is_read(error: MeshError, audience: Audience, cure: str):
    assert f" {explain(error, audience)}".endswith(cure)


@pytest.mark.parametrize(
    ("here", "refused", "cure"),
    [
        (True, True, "Start it with `chatixia up --mesh x`."),
        (True, False, "See its output where `chatixia up --mesh x` runs here; if it hangs"),
        (False, True, "It must be started on its own machine; `chatixia config --mesh x`"),
        (False, False, "It must run, and be reachable from here; `chatixia config --mesh x`"),
    ],
)
def test_who_has_no_registry_is_not_told_to_start_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool, refused: bool, cure: str
):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    if here:
        (tmp_path / "x" / "registry").mkdir(parents=True)
    error = RegistryUnreachable("Nobody.")
    error.refused = refused
    assert explain(error, Audience("agents", mesh="x")).startswith(f"Nobody. {cure}")
    assert "`chatixia config" not in explain(error, Audience("join", mesh="x"))


def test_who_pairs_has_no_settings_to_look_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path))
    error = RegistryUnreachable("No registry runs at x:1.")
    said = explain(error, Audience("pair"))
    assert said.endswith("from here; `chatixia invite --code` shows its address there.")
