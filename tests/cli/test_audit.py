"""The log on the terminal: lines, filters, the check and the export."""

import json
import sqlite3
from contextlib import closing

from chatixia.cli.audit import text
from chatixia.wire.audit import AuditLine


def test_what_was_done_is_shown(registry, type_):
    made = type_("keys", "create", "script", "--json").json
    type_("keys", "revoke", "script")
    shown = type_("audit")
    assert [line.split()[2:5] for line in shown.out.splitlines()] == [
        ["registry", "settings", "-"],
        ["admin", "keys.create", "script"],
        ["admin", "keys.revoke", "script"],
    ]
    assert made["key"] not in shown.out
    both = type_("audit", "--target", "script").out.splitlines()
    assert [line.split("  ")[-1] for line in both] == [f"key {made['id']}"] * 2
    row = json.loads(type_("audit", "--json").out.splitlines()[-1])
    assert (row["kind"], row["line"]["n"], row["line"]["from"]) == ("audit", 3, "127.0.0.1")
    assert len(type_("audit", "-n", "1").out.splitlines()) == 1
    assert len(type_("audit", "--act", "keys.create").out.splitlines()) == 1
    assert "No such line" in type_("audit", "--actor", "hub~anna").err


def test_it_is_checked_and_exported(registry, type_, tmp_path):
    type_("keys", "create", "script")
    file = tmp_path / "log"
    done = type_("audit", "--export", str(file))
    assert (done.code, len(file.read_text().splitlines())) == (0, 2)
    assert type_("audit", "--check", "--json").json["wrong"] == ""
    database = registry.profile.folder / "registry" / "registry.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as db:
        db.execute("DROP TRIGGER audit_stands")
        db.execute("UPDATE audit SET target = 'other' WHERE n = 2")
    done = type_("audit", "--check")
    assert (done.code, "Line 2 was changed" in done.err) == (1, True)


def test_a_line_steers_no_terminal():
    line = AuditLine(1, 0, "x\x1b[2J", "open", "join", "a\nb")
    assert text(line).startswith("1970-01-01 00:00:00  x") and "\x1b" not in text(line)
    assert "\n" not in text(line)
