"""Loads ``sql/``: the statements by name, and the migrations in order of their number."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from .rows import PairingRow, SessionRow
from .task_rows import StoredTask

FOLDER: Final = Path(__file__).parent / "sql"
ROW: Final = StoredTask.__struct_fields__
"""The columns that ``{row}`` stands for."""
NEW: Final = (*ROW[1:], "same", "payload")
"""Those of a new task, which has no number yet: ``{new}``, and ``{marks}`` for their values."""

SESSION: Final = SessionRow.__struct_fields__
"""Those of a browser session; ``{session}``, with the role that its person has now."""
ENDED: Final = "state = 'completed' OR state = 'failed' OR state = 'canceled' OR state = 'rejected'"
"""As the partial indexes say it, word for word, or SQLite does not use them."""
DEVICE: Final = (
    "d.n, d.id, d.ns, d.agent_name, d.peer_id,"
    " CASE WHEN d.state = 'approved' AND coalesce(k.revoked, 1) THEN 'revoked' ELSE d.state END,"
    " d.key, d.inviter, d.address, d.created, d.updated"
)
"""Those of ``rows.DeviceRow``: one whose key was revoked, wherever, is revoked."""
WORDS: Final = {
    "{device}": DEVICE,
    "{row}": ", ".join(ROW),
    "{new}": ", ".join(NEW),
    "{marks}": ", ".join("?" * len(NEW)),
    "{ended}": f"({ENDED})",
    "{pairing}": ", ".join(PairingRow.__struct_fields__),
    "{session}": ", ".join("p.role" if name == "role" else f"s.{name}" for name in SESSION),
}


def parse(text: str) -> dict[str, str]:
    """``-- name: x`` and the statement below it, until the next name; other comments are dropped.

    Raises ValueError on a name that stands twice.
    """
    statements: dict[str, str] = {}
    for part in re.split(r"^-- name: ", text, flags=re.M)[1:]:
        name, _, body = part.partition("\n")
        if name in statements:
            raise ValueError(f"The statement {name} is defined twice.")
        body = re.sub(r"--.*", "", body)
        for word, columns in WORDS.items():
            body = body.replace(word, columns)
        statements[name] = " ".join(body.split())
    return statements


@cache
def load() -> dict[str, str]:
    """All statements by name."""
    return parse((FOLDER / "queries.sql").read_text(encoding="utf-8"))


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """(number, script) of each migration, rising from 1 without gaps."""
    files = sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple((int(file.name[:4]), file.read_text(encoding="utf-8")) for file in files)
