"""Tasks as rows, and what is refused before anybody is asked."""

import msgspec
import pytest

from chatixia.cli.common import Talk
from chatixia.cli.tasks import line, progress_of, show_list, talk_of
from chatixia.errors import BadRequest, WireError
from chatixia.wire.tasks import Body, Task

TASK = Task("t_" + "a" * 26, "completed", "fold", "bob", "anna", "bob", created_at=40.0)


def test_a_row():
    assert line(TASK, 100.0) == (TASK.id, "completed", "fold", "anna", "bob", "1 min")


def test_all_about_one(capsys):
    task = msgspec.structs.replace(TASK, result=Body(plain=msgspec.Raw(b'{"n":1}')), attempt=1)
    talk_of(Talk(False, False, 0, ""), task)
    out = capsys.readouterr().out
    assert "queue, plain" in out and '{"n":1}' in out and "attempt 1 of 3" in out


def test_an_error_is_shown(capsys):
    task = msgspec.structs.replace(TASK, state="failed", error=WireError("expired", "Too late."))
    talk_of(Talk(False, False, 0, ""), task)
    assert "expired: Too late." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fraction", "note", "text"), [(None, "", ""), (0.7, "", "70 %"), (0.7, "x", "70 %, x")]
)
def test_progress(fraction, note, text):
    assert progress_of(fraction, note) == text


async def test_an_unknown_state_is_refused_here():
    with pytest.raises(BadRequest, match="pending, assigned"):
        await show_list(None, Talk(False, False, 0, ""), "done", "", "", 5)  # type: ignore[arg-type]
