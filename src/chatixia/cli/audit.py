"""``chatixia audit``: who did what, when and from where, by the registry's log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import output
from .common import Console, common

if TYPE_CHECKING:
    from chatixia.assembly.people.audit import AuditReader, AuditReport
    from chatixia.wire.audit import AuditLine

LINES = 50


@click.command()
@click.option("-n", "--lines", default=LINES, type=click.IntRange(0, 10_000), show_default=True)
@click.option("--actor", default="", metavar="ID", help="Only acts of ID, such as hub~anna.")
@click.option("--act", default="", metavar="ACT", help="Only this act, such as keys.create.")
@click.option("--target", default="", metavar="ID", help="Only acts that concern ID.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines as they come.")
@click.option("--check", is_flag=True, help="Read all of it: is a line changed or missing?")
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check it, and write all of it to FILE, a line of JSON each.",
)
@common
def audit(
    console: Console,
    lines: int,
    actor: str,
    act: str,
    target: str,
    follow: bool,
    check: bool,
    export: Path | None,
) -> None:
    """Show who did what, when and from where: the newest lines of the audit log."""
    from chatixia.assembly.people.audit import AuditReader
    from chatixia.assembly.profile.profile import Profile
    from chatixia.wire.audit import AuditQuery

    with AuditReader(Profile.open(console.mesh)) as reader:
        if check or export:
            report(console, whole(reader, export), export)
            return
        query = AuditQuery(actor=actor, act=act, target=target)
        after = reader.head()
        shown = reader.newest(query, lines)
        for line in shown:
            show(console, line)
        if not shown and not follow:
            console.say("  No such line in the audit log.")
        for line in (
            reader.following(query, max(after, shown[-1].n if shown else 0)) if follow else ()
        ):
            show(console, line)


def whole(reader: AuditReader, export: Path | None) -> AuditReport:
    """Check the log, and write it to ``export`` if there is one."""
    if export is None:
        return reader.check()
    from chatixia.assembly.people.audit import exported

    return exported(reader, export)


def report(console: Console, result: AuditReport, export: Path | None) -> None:
    """Say what a check saw. Raises AuditBroken."""
    from chatixia.errors import AuditBroken

    fields = {"lines": result.lines, "newest": result.head.n, "hash": result.head.hash}
    console.data("audit_check", {**fields, "wrong": result.wrong})
    if export is not None:
        console.say(f"  exported  {result.lines} lines to {export}")
    if result.wrong:
        raise AuditBroken(f"{result.wrong} {AuditBroken.sentence}")
    console.say(
        f"  checked   {result.lines} lines; the newest is {result.head.n}, {result.head.hash}"
    )


def show(console: Console, line: AuditLine) -> None:
    """One line, for people or as JSON."""
    console.data("audit", {"line": line}, text(line))


def text(line: AuditLine) -> str:
    """A line for people."""
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(line.at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    parts = (line.actor or "-", line.act, line.target or "-", line.origin or "-", line.detail)
    return "  ".join((at, *map(output.in_line, parts))).rstrip()
