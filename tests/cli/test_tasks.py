"""The commands of `tasks`, against a real registry where it takes one."""

import asyncio
import json
import os

import pytest

from chatixia import Agent, connect
from chatixia.cli.common import Console
from chatixia.cli.tasks import follow, id_of, show_list
from chatixia.client.progress import Progress
from chatixia.errors import BadRequest, NotFound
from chatixia.testing.registry import RegistryHarness
from chatixia.wire.events import AgentEvent
from chatixia.wire.tasks import Query, Task


async def test_an_unknown_state_is_refused_here():
    with pytest.raises(BadRequest, match="pending, assigned"):
        await show_list(None, Console(False, False, 0, ""), Query("done"))  # type: ignore[arg-type]


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


def weather() -> Agent:
    agent = Agent("weather")

    @agent.skill
    async def forecast(city: str, days: int = 3) -> str:
        return f"{city} {days}"

    return agent


async def test_a_task_is_named_by_a_unique_beginning(home):
    async with RegistryHarness(home), connect() as mesh:
        one, two = [(await mesh.submit("", "nobody-has-it")).id for _ in range(2)]
        same = os.path.commonprefix([one, two])
        for text in (one, one[2:], one[: len(same) + 1], one[2 : len(same) + 1]):
            assert await id_of(mesh, text) == one
        with pytest.raises(BadRequest) as caught:
            await id_of(mesh, same)
        assert one in caught.value.message and two in caught.value.message
        unlike = next(letter for letter in "abcdefgh" if letter not in (one[2], two[2]))
        with pytest.raises(NotFound, match=f"begins with t_{unlike}"):
            await id_of(mesh, unlike)
        for wrong in ("t_A", "t_!", one + "a"):
            with pytest.raises(BadRequest, match="is not a task id"):
                await id_of(mesh, wrong)


async def _once() -> None:
    """Let weather have been there."""
    async with weather():
        pass


def test_submit_show_and_retry(registry, type_):
    """A name that nobody has ever had is refused; one that is away is not."""
    asyncio.run(_once())
    done = type_("tasks", "submit", "weather", "forecast", "city=Oslo", "days:=2", "--json")
    assert done.code == 0, done.err
    assert "city:=" not in done.err
    task = done.json["task"]["id"]
    shown = type_("tasks", "show", task[:12])
    assert shown.code == 0
    for part in ('{"city":"Oslo","days":2}', "attempt 0 of 3", "deadline", "in 24 h", "submitted"):
        assert part in shown.out, shown.out
    again = type_("tasks", "retry", task)
    assert (again.code, "is pending" in again.err) == (1, True)
    assert type_("tasks", "cancel", task[2:12]).out.startswith(f"{task} canceled")
    again = type_("tasks", "retry", task[:12], "--deadline", "90")
    assert again.code == 0 and again.out.strip() != task
    assert f"`chatixia tasks watch {again.out.strip()}`" in again.err
    row = type_("tasks", "show", again.out.strip(), "--json").json["task"]
    assert (row["state"], row["payload"]["plain"]) == ("pending", {"city": "Oslo", "days": 2})
    assert row["retry_of"] == task
    assert task in type_("tasks", "show", again.out.strip()).out
    assert 60_000 < row["deadline_ms"] <= 90_000
    anyone = type_("tasks", "submit", "--any", "nobody-has-it", "--max-attempts", "1", "-q")
    assert (anyone.code, anyone.err) == (0, "")
    unknown = type_("tasks", "submit", "wether", "forecast")
    assert (unknown.code, "No agent" in unknown.err) == (1, True)


def test_what_went_as_text_for_want_of_a_schema_is_told(registry, type_):
    asyncio.run(_once())
    for words in (["tasks", "submit"], ["call", "--no-wait"]):
        done = type_(*words, "weather", "forecast", "city=Oslo", "days=2")
        assert done.code == 0, done.err
        assert (
            "weather is not online, so every value was sent as text; to send JSON write days:=2\n"
            in done.err
        )
        assert "text" not in type_(*words, "weather", "forecast", "city=Oslo", "days:=2").err
    anyone = type_("tasks", "submit", "--any", "nobody-has-it", "n=1")
    assert "Nobody who has it is online, so every value was sent as text" in anyone.err


@pytest.mark.parametrize("words", [["submit"], ["submit", "weather"], ["retry"]])
def test_too_few_words(home, type_, words):
    assert type_("tasks", *words).code == 2


class Watched:
    """A mesh with one task, which an agent with a model did."""

    def task(self, task_id):
        return self

    async def row(self):
        return Task("t_" + "a" * 26, "completed")

    ended = row

    async def progress(self):
        yield Progress(item="It ")
        yield Progress(event=AgentEvent("thinking", text="hm"))
        yield Progress(0.5, "half")


async def test_following_shows_the_events_of_its_agent(capsys):
    await follow(Watched(), Console(False, False, 0, ""), "t_" + "a" * 26)
    out, err = capsys.readouterr()
    assert "thinking  hm" in err
    assert out.startswith("It \n")
    assert "thinking" not in out
    await follow(Watched(), Console(True, True, 0, ""), "t_" + "a" * 26)
    kinds = [json.loads(text)["kind"] for text in capsys.readouterr().out.splitlines()]
    assert kinds[:3] == ["progress", "event", "progress"]
