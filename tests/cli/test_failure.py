"""However a command ends, its exit code is the documented one and one sentence says why."""

import errno
import json
import os
import subprocess
import sys

import click
import pytest

from chatixia.cli import failure
from chatixia.cli.common import Console, common
from chatixia.cli.group import chatixia
from chatixia.errors import TABLE, Denied, UnknownSkill, Unreachable


def command_that(raises):
    @click.command()
    @common
    def command(console: Console) -> None:
        raise raises

    return command


@pytest.mark.parametrize("kind", TABLE.values(), ids=lambda kind: kind.code)
def test_each_error_has_its_code_and_a_sentence(kind, capsys):
    assert failure.guarded(command_that(kind()), []) == kind.exit
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error  {kind.sentence}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), 130), (click.Abort(), 130), (ValueError("x"), 1), (Denied(), 4)],
)
def test_exit_codes(error, code):
    assert failure.guarded(command_that(error), []) == code


def test_json_gives_the_error_as_an_object(capsys):
    error = UnknownSkill("weather has no skill forcast.", agent="weather")
    assert failure.guarded(command_that(error), ["--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["v"], found["kind"]) == (1, "error")
    assert found["error"] == {
        "code": "unknown_skill",
        "message": "weather has no skill forcast.",
        "retryable": False,
        "outcome": "definite",
        "agent": "weather",
    }


@pytest.mark.parametrize(
    "words",
    [
        ["clal", "--json"],
        ["call", "--json"],
        ["--nope", "--json"],
        ["up", "--port", "x", "--json"],
        ["tasks", "shwo", "--json"],
        ["call", "a", "b", "--direct", "--queue", "--json"],
    ],
)
def test_a_line_that_cannot_be_read_is_an_object_too(words, capsys):
    assert failure.guarded(chatixia, words) == 2
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert error["code"] == "bad_request"
    assert err.startswith(f"error  {error['message']}")
    failure.guarded(chatixia, [word for word in words if word != "--json"])
    assert capsys.readouterr().out == ""


def test_a_defect_is_an_object_too(capsys):
    assert failure.guarded(command_that(ValueError("x")), ["--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "internal"


def test_json_behind_two_dashes_is_an_argument():
    assert failure.wants_json(["call", "--json"])
    assert not failure.wants_json(["call", "--", "--json"])


def test_v_adds_the_traceback(capsys):
    assert failure.guarded(command_that(Unreachable("gone.")), ["-v"]) == 3
    err = capsys.readouterr().err
    assert "Traceback" in err and "gone." in err
    failure.guarded(command_that(Unreachable("gone.")), [])
    assert "Traceback" not in capsys.readouterr().err


def test_the_cure_names_the_agent(capsys):
    failure.guarded(command_that(UnknownSkill("No such skill.", agent="weather")), [])
    assert "`chatixia call weather --help`" in capsys.readouterr().err


def test_a_sentence_with_a_command_gets_no_second_cure(capsys):
    failure.guarded(command_that(Unreachable("Nobody is there; start it with `chatixia up`.")), [])
    assert capsys.readouterr().err.count("`") == 2


def test_a_reader_that_leaves_is_no_error():
    code = (
        f"'{sys.executable}' -m chatixia.cli --help | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "141"}


def test_a_full_disk_is_no_defect_of_ours(capsys):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/y")
    assert failure.guarded(command_that(full), []) == 2
    said = capsys.readouterr().err
    assert (
        said
        == "error  /x/y cannot be used: No space left on device. Free some space on that disk.\n"
    )
