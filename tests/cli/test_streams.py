"""However a command's words and streams come, it ends with a sentence and never with a defect."""

from __future__ import annotations

import errno
import io
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from chatixia.cli import streams
from chatixia.cli.group import COMMANDS

BAD = b"\xff\xfe"
SCRIPT = f"'{sys.executable}' -m chatixia.cli"


def bash(line: str, home: Path, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which CHATIXIA is the command."""
    env = {**os.environ, "CHATIXIA_HOME": str(home), **environ}
    script = f"set -o pipefail; {line.replace('CHATIXIA', SCRIPT)}"
    return subprocess.run(["bash", "-c", script], capture_output=True, env=env, timeout=60)


@pytest.mark.parametrize(
    ("line", "code", "shown"),
    [
        ("CHATIXIA config >&-", 2, b"error  Standard output cannot be written: it is closed.\n"),
        ("CHATIXIA config --json >&-", 2, b"it is closed"),
        ("CHATIXIA call --help >&-", 2, b"it is closed"),
        ("CHATIXIA --help >&-", 2, b"it is closed"),
        ("CHATIXIA --help >/dev/full", 2, b"Standard output cannot be written: No space left"),
        ("CHATIXIA config >/dev/full", 2, b"Standard output cannot be written: No space left"),
        ("CHATIXIA agents 2>&-", 2, b""),
        ("CHATIXIA config <&- 2>&- | grep -q engine", 0, b""),
        ("CHATIXIA call a b - <&-", 2, b"has not joined a mesh"),
        ("CHATIXIA agents 2>&1 | true", 141, b""),
        ("CHATIXIA config | head -c 1 | grep -q ' '", 141, b""),
        ("CHATIXIA init --help | true", 141, b""),
    ],
)
def test_streams_that_are_closed_full_or_left(tmp_path: Path, line: str, code: int, shown: bytes):
    done = bash(line, tmp_path)
    assert shown in done.stderr
    assert b"Something broke" not in done.stderr and b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") <= 1
    assert done.returncode in ((0, 141, 2) if "|" in line else (code,))


def test_a_file_opened_later_is_not_printed_into(tmp_path: Path):
    """With number 1 free, the next file would be standard output."""
    code = (
        "import os; os.close(1); import sys; sys.stdout = None; "
        "from chatixia.cli import streams; streams.prepare(); "
        "sys.exit(os.open('/dev/null', os.O_RDONLY) == 1)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_letters_that_an_encoding_has_not(monkeypatch: pytest.MonkeyPatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)
    streams.prepare()
    out.write("größe")
    out.flush()
    assert out.buffer.getvalue() == b"gr\\xf6\\xdfe"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "words",
    [
        *[[name, BAD] for name in COMMANDS if name not in ("run", "validate", "init", "config")],
        ["call", "weather", "hi", b"name=" + BAD],
        ["ask", "weather", BAD],
        ["agents", "--skill", BAD],
        ["tasks", "cancel", "t_" + "a" * 26, "--reason", BAD],
        ["tasks", "submit", "a", "b", BAD],
        ["invite", "x", "--via", BAD],
        ["keys", "create", BAD],
        ["up", "--name", BAD],
        [BAD],
    ],
)
def test_words_that_are_no_text(home: Path, type_, words: list[str | bytes]):
    done = type_(*(os.fsdecode(word) for word in words))
    assert done.code == 2
    assert done.err.startswith("error  ") and "is not UTF-8 text." in done.err
    assert "\\udcff\\udcfe" in done.err


def test_files_may_be_called_anything(home: Path, type_, tmp_path: Path):
    folder = tmp_path / os.fsdecode(BAD)
    assert type_("init", "-d", str(folder), "--json").code == 0
    for name in ("validate", "config"):
        done = type_(name, str(folder), "--json")
        assert done.code == 0 and "\\udcff" in done.out
    file = tmp_path / os.fsdecode(BAD + b".txt")
    file.write_text("x")
    assert type_("call", "a", "b", f"text@{file}").code == 2  # no mesh: the file was read
    done = type_("run", os.fsdecode(BAD))
    assert done.code == 2 and "does not exist" in done.err


@pytest.mark.parametrize("home_variable", [None, "~/x"])
def test_a_user_without_a_home(type_, monkeypatch: pytest.MonkeyPatch, home_variable: str | None):
    def nobody(*_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("CHATIXIA_HOME", raising=False)
    if home_variable:
        monkeypatch.setenv("CHATIXIA_HOME", home_variable)
    for words in (
        ["leave"],
        ["agents"],
        ["call", "a", "b"],
        ["tasks"],
        ["status"],
        ["hub"],
        ["invite", "x"],
        ["revoke", "x"],
        ["keys"],
        ["config"],
    ):
        done = type_(*words)
        assert (done.code, "CHATIXIA_HOME" in done.err) == (2, True), (words, done.err)
        assert done.err.count("\n") == 1


def test_sentences():
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert streams.unwritable(full).endswith("No space left on device.")
