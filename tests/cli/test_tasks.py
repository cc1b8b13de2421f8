"""Tasks as rows, and what is refused before anybody is asked."""

import asyncio
import os

import msgspec
import pytest

from chatixia import connect
from chatixia.cli.common import Talk
from chatixia.cli.tasks import line, progress_of, show_list, talk_of
from chatixia.errors import BadRequest, WireError
from chatixia.wire.tasks import Body, Query, Task

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
        await show_list(None, Talk(False, False, 0, ""), Query("done"))  # type: ignore[arg-type]


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Be another machine from now on."""
    return lambda: monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "there"))


def submitted() -> str:
    """A task of this machine that nobody takes."""

    async def submit() -> str:
        async with connect() as mesh:
            return (await mesh.submit(None, "nobody-has-it", {})).id

    return asyncio.run(submit())


def test_a_reason_is_kept_and_a_canceled_tasks_watch_fails(registry, type_):
    task = submitted()
    assert type_("tasks", "cancel", task, "--reason", "not needed any more").code == 0
    shown = type_("tasks", "show", task)
    assert shown.code == 0 and "The task was canceled: not needed any more" in shown.out
    watched = type_("tasks", "watch", task)
    assert watched.code == 1 and "not needed any more" in watched.err
    bare = submitted()
    type_("tasks", "cancel", bare)
    assert type_("tasks", "watch", bare).code == 1


def test_a_list_goes_on_where_it_was_cut(registry, type_):
    made = [submitted() for _ in range(3)]
    first = type_("tasks", "list", "-n", "2", "--json").json
    assert [row["id"] for row in first["tasks"]] == made[:0:-1]
    rest = type_("tasks", "-n", "2", "--cursor", first["next"], "--json").json
    assert ([row["id"] for row in rest["tasks"]], rest["next"]) == (made[:1], "")
    assert f"--cursor {first['next']}" in type_("tasks", "-n", "2").err
    assert "--cursor" not in type_("tasks", "--cursor", first["next"]).err
    assert type_("tasks", "--cursor", "nonsense").code in (1, 2)


def test_the_owner_sees_all_tasks_and_a_machine_its_own(registry, type_, there, monkeypatch):
    """As the hub shows them; on another machine only what concerns it."""
    mine = submitted()
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    owner_home = os.environ["CHATIXIA_HOME"]
    there()
    assert type_("join", string).code == 0
    theirs = submitted()
    listed = [row["id"] for row in type_("tasks", "list", "--json").json["tasks"]]
    assert listed == [theirs]
    assert type_("tasks", "show", mine).code == type_("tasks", "watch", mine).code == 4
    monkeypatch.setenv("CHATIXIA_HOME", owner_home)
    listed = [row["id"] for row in type_("tasks", "list", "--json").json["tasks"]]
    assert listed == [theirs, mine]
    assert type_("tasks", "show", theirs, "--json").json["task"]["state"] == "pending"
    assert type_("tasks", "cancel", theirs).code == 0
    watched = type_("tasks", "watch", theirs)
    assert watched.code == 1 and theirs in watched.out
