"""Writes the table of errors of the Node client from ours: clients/node/src/errors.ts.

    .venv/bin/python scripts/node_errors.py

``tests/interop/test_node_client.py`` compares the file with what this would write.
"""

from __future__ import annotations

import re
from pathlib import Path

from chatixia.errors import TABLE, MeshError

PLACE = Path(__file__).parents[1] / "clients" / "node" / "src" / "errors.ts"
HEAD = """\
// Written by scripts/node_errors.py; docs/errors.md says what each error means.
/** The classes of errors, each below its base. */
import { type ErrorClass, table } from "./mesh_error.js";

/** Each class with its code. */
export interface Errors {
%s}

/** A row: class, sentence; where not as usual: code, base, whether to retry or unknown. */
export const errors = table<Errors>(`%s`);
"""


def source() -> str:
    """The whole file."""
    types = "".join(f'  {kind.__name__}: ErrorClass<"{code}">;\n' for code, kind in TABLE.items())
    return HEAD % (types, "\n".join(map(row, TABLE.values())))


def row(kind: type[MeshError]) -> str:
    """One class; what is as usual is left empty."""
    [base] = [one.__name__ for one in kind.__bases__ if issubclass(one, MeshError)]
    usual = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    words = [
        kind.__name__,
        kind.sentence,
        "" if kind.code == usual else kind.code,
        "" if base == "MeshError" else base,
        "retry" * kind.retry + "unknown" * (kind.default_outcome == "unknown"),
    ]
    return "|".join(words).rstrip("|")


if __name__ == "__main__":
    PLACE.write_text(source(), encoding="utf-8")
