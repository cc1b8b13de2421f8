"""``chatixia memory``: what an agent of this machine remembers of its conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from . import output
from .common import Console, Noun, common

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatixia.assembly.run.memory import AgentMemory
    from chatixia.store.local.conversations import ConversationRow, StoredMessage

HEADS = ("caller", "session", "messages", "size", "last used")
MARKS = {"user": "> ", "agent": "", "call": "  calls ", "result": "  gives "}


@click.group(cls=Noun)
def memory() -> None:
    """Show, export and forget an agent's conversations.

    AGENT is an agent of this machine: its name, or its folder. It may be running. A caller is an
    agent's id, or a machine's name with `~` for all its clients. Without a command, list.
    """


@memory.command("list")
@click.argument("agent", default=".")
@common
def list_(console: Console, agent: str) -> None:
    """List AGENT's conversations, the last used first."""
    name, rows = opened(console, agent, lambda file: file.conversations())
    console.data("conversations", {"agent": name, "conversations": [about(row) for row in rows]})
    if not console.as_json and rows:
        lines = [
            (row.owner, label(row), row.messages, output.size(row.size), output.moment(row.used))
            for row in rows
        ]
        output.emit(output.table(HEADS, lines))
    if not rows:
        console.say(f"  {name} has no conversations.")


@memory.command()
@click.argument("agent")
@click.argument("caller", default="")
@click.argument("session", required=False)
@common
def show(console: Console, agent: str, caller: str, session: str | None) -> None:
    """Show the last used conversation of AGENT, or of CALLER with it, or that SESSION."""

    def look(file: AgentMemory) -> tuple[ConversationRow, list[StoredMessage]]:
        rows = file.conversations(caller, session)
        if not rows:
            raise nothing(caller, session)
        return rows[0], file.messages(rows[0])

    name, (row, messages) = opened(console, agent, look)
    if console.as_json:
        console.data("conversation", {"agent": name, **whole(row, messages)})
        return
    output.emit(f"  {row.owner} with {name}, {label(row)}, {output.moment(row.used)}")
    for message in messages:
        for line in spoken(message):
            output.emit(line)


@memory.command()
@click.argument("agent")
@click.argument("caller", default="")
@click.argument("session", required=False)
@common
def export(console: Console, agent: str, caller: str, session: str | None) -> None:
    """Print whole conversations as JSON, one a line: all, or those of CALLER, or a SESSION."""

    def write(file: AgentMemory) -> int:
        rows = file.conversations(caller, session)
        if not rows and (caller or session):
            raise nothing(caller, session)
        for row in rows:
            output.emit(output.document("conversation", whole(row, file.messages(row))))
        return len(rows)

    name, count = opened(console, agent, write)
    console.say(f"  {count} conversation{'' if count == 1 else 's'} of {name}")


@memory.command()
@click.argument("agent")
@click.argument("caller", default="")
@click.argument("session", required=False)
@click.option("--all", "everything", is_flag=True, help="Of all callers; give no CALLER then.")
@common
def forget(
    console: Console, agent: str, caller: str, session: str | None, everything: bool
) -> None:
    """Forget the conversations of CALLER with AGENT, or one SESSION, or --all, for good."""
    if bool(caller) == everything:
        raise click.UsageError("Name a CALLER, or give --all for the conversations of all callers.")
    name, count = opened(console, agent, lambda file: file.forget(caller, session))
    if not count and caller:
        raise nothing(caller, session)
    console.data("forgotten", {"agent": name, "conversations": count})
    console.say(f"  forgotten {count} conversation{'' if count == 1 else 's'} of {name}")


def opened(console: Console, agent: str, work: Any) -> tuple[str, Any]:
    """The agent's name, and what ``work`` makes of its memory."""
    from chatixia.assembly.run.memory import AgentMemory, agent_file

    name, path = agent_file(agent, console.mesh)
    with AgentMemory(path) as file:
        return name, work(file)


def nothing(caller: str, session: str | None) -> Exception:
    """The refusal where no conversation fits."""
    from chatixia.errors import NotFound

    which = f"session {session} of {caller}" if session else f"conversation of {caller or 'any'}"
    return NotFound(f"There is no {which}; `chatixia memory list` shows all.")


def label(row: ConversationRow) -> str:
    """A session's name, or its task."""
    return row.session or f"task {row.task}"


def about(row: ConversationRow) -> dict[str, Any]:
    """A conversation in a list."""
    return {
        "caller": row.owner,
        "session": row.session,
        "task": row.task,
        "created": row.created,
        "used": row.used,
        "messages": row.messages,
        "bytes": row.size,
        "open": row.open,
    }


def whole(row: ConversationRow, messages: list[StoredMessage]) -> dict[str, Any]:
    """All of a conversation; each message as the model library wrote it."""
    import msgspec

    return {
        **about(row),
        "digest": msgspec.Raw(row.digest or b"null"),
        "log": [
            {"n": m.n, "at": m.at, "run": m.run, "message": msgspec.Raw(m.body)} for m in messages
        ],
    }


def spoken(message: StoredMessage) -> Iterator[str]:
    """The lines of one message for people."""
    from chatixia.agent.model.transcript import lines_of

    for line in lines_of(message.body):
        mark = MARKS[line.role] + (f"{line.name} " if line.name else "")
        first, *more = line.text.splitlines() or [""]
        indent = "> " if line.role == "user" else ""
        yield from (f"{mark}{first}", *(f"{indent}{rest}" for rest in more))
