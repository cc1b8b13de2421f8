"""All that one submitter has in the queue is canceled in bounded steps."""

import asyncio

from chatixia import connect
from chatixia.cli import cancel


def submitted() -> str:
    """A task of this machine that nobody takes."""

    async def submit() -> str:
        async with connect() as mesh:
            return (await mesh.submit(None, "nobody-has-it", {})).id

    return asyncio.run(submit())


def test_all_from_one_are_canceled_in_steps_and_no_others(registry, type_, monkeypatch):
    monkeypatch.setattr(cancel, "STEP", 3)
    mine = [submitted() for _ in range(7)]
    name = type_("tasks", "show", mine[0], "--json").json["task"]["source_agent_id"]
    for wrong in ((), ("--all",), ("--from", "x"), (mine[0], "--from", "x", "--all")):
        assert type_("tasks", "cancel", *wrong).code == 2
    unknown = type_("tasks", "cancel", "--from", "nobody", "--all")
    assert unknown.code == 1 and not unknown.out
    assert "No agent or machine called nobody is in the mesh. See" in unknown.err
    done = type_("tasks", "cancel", "--from", name.partition("~")[0], "--all", "--reason", "spam")
    assert done.code == 0 and "7 tasks from" in done.out
    said = [line.strip() for line in done.err.splitlines()]
    assert len(said) >= 3 and said[-1] == "7 canceled"  # no step ends more than it looked at
    assert "spam" in type_("tasks", "show", mine[3]).out
    assert type_("tasks", "cancel", "--from", name, "--all").out.startswith("0 tasks")
