"""Loads ``sql/``: the statements by name, and the migrations in order of their number."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "sql"
ROW: Final = (
    "n",
    "id",
    "ns",
    "state",
    "skill",
    "target",
    "source",
    "machine",
    "worker",
    "incarnation",
    "queue",
    "priority",
    "turn",
    "ready",
    "attempt",
    "max_attempts",
    "deliveries",
    "started",
    "fence",
    "created",
    "updated",
    "run_after",
    "deadline",
    "lease",
    "ttl",
    "idempotent",
    "path",
    "traceparent",
    "size",
    "error",
    "scope",
    "holder",
    "retry_of",
)
"""The columns that ``{row}`` stands for, in the order of ``work.Row``."""


def parse(text: str) -> dict[str, str]:
    """``-- name: x`` and the statement below it, until the next name; other comments are dropped.

    Raises ValueError on a name that stands twice.
    """
    found: dict[str, str] = {}
    for part in re.split(r"^-- name: ", text, flags=re.M)[1:]:
        name, _, body = part.partition("\n")
        if name in found:
            raise ValueError(f"The statement {name} stands twice.")
        body = re.sub(r"--.*", "", body)
        found[name] = " ".join(body.replace("{row}", ", ".join(ROW)).split())
    return found


@cache
def load() -> dict[str, str]:
    """All statements by name."""
    return parse((FOLDER / "queries.sql").read_text(encoding="utf-8"))


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """(number, script) of each migration, rising from 1 without gaps."""
    files = sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple((int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files)
