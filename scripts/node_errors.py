"""Writes the errors of the Node client from ours: clients/node/src/errors.ts, and their sentences.

    .venv/bin/python scripts/node_errors.py

``tests/interop/test_node_client.py`` compares the files with what this would write.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from chatixia.errors import TABLE, MeshError

SOURCE = Path(__file__).parents[1] / "clients" / "node" / "src"
WRITTEN = "// Written by scripts/node_errors.py; docs/errors.md says what each error means.\n"
CLASSES = """\
/** The classes of errors, each below its base. */
import { type ErrorClass, table } from "./mesh_error.js";

/** Each class with its code. */
export interface Errors {
%s}

/**
 * A base, and what is below it: with its code where that is not as usual, + where it may be tried
 * again, ? for an unknown outcome.
 */
export const errors = table<Errors>(`%s`);
"""
SENTENCES = """\
/** What an error without a message says, once a program has imported this module. */
import { type ErrorClass, MeshError, TABLE } from "./mesh_error.js";

/** The sentence of each code. */
export const sentences: Readonly<Record<string, string>> = {
%s};

for (const [code, sentence] of Object.entries(sentences)) {
  (TABLE.get(code) as ErrorClass).sentence = sentence;
}
MeshError.sentence = "%s";
"""


def files() -> dict[Path, str]:
    """Each file, and its text."""
    below: dict[str, list[str]] = defaultdict(list)
    for kind in TABLE.values():
        below[base(kind)].append(word(kind))
    rows = "\n".join(" ".join((name, *words)) for name, words in below.items())
    types = "".join(f'  {kind.__name__}: ErrorClass<"{code}">;\n' for code, kind in TABLE.items())
    told = "".join(f'  {code}: "{kind.sentence}",\n' for code, kind in TABLE.items())
    return {
        SOURCE / "errors.ts": WRITTEN + CLASSES % (types, rows),
        SOURCE / "sentences.ts": WRITTEN + SENTENCES % (told, MeshError.sentence),
    }


def base(kind: type[MeshError]) -> str:
    """The name of the class that it is below."""
    [name] = [one.__name__ for one in kind.__bases__ if issubclass(one, MeshError)]
    return name


def word(kind: type[MeshError]) -> str:
    """One class; what is as usual is left out."""
    usual = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
    code = "" if kind.code == usual else f"={kind.code}"
    return kind.__name__ + code + "+" * kind.retry + "?" * (kind.default_outcome == "unknown")


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
