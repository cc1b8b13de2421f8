"""Renames top-level names of modules everywhere they are used: rename_names.py TABLE

TABLE is a file of lines ``package.module:Old New``, and ``package.module:Class.old new`` for a
method or attribute, which is then renamed wherever an attribute of that name is read: such a name
must stand in one class alone. Uses follow the imports (``from m import Old``, ``m.Old``); strings
follow where they hold ``module:Old`` or ``module.Old``.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from move_modules import CODE, PACKAGE, ROOT, TEXTS, Edit, Imports, apply, place

Table = dict[str, dict[str, str]]


def tables(path: str) -> tuple[Table, dict[str, str]]:
    """Top-level names by module, and attributes."""
    names: Table = defaultdict(dict)
    attributes: dict[str, str] = {}
    for line in Path(path).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            place_, new = line.split()
            module, _, old = place_.partition(":")
            _, dot, attribute = old.rpartition(".")
            if dot:
                attributes[attribute] = new
            else:
                names[f"{PACKAGE}.{module}"][old] = new
    return names, attributes


class Uses(Imports):
    """Where one file uses the renamed names."""

    def __init__(self, path: Path, names: Table, attributes: dict[str, str]) -> None:
        super().__init__(path, {})
        self.names, self.attributes = names, attributes
        self.local: dict[str, str] = dict(names.get(self.here, {}))
        self.modules: dict[str, str] = {}
        self.path = path

    def edits(self) -> Iterator[Edit]:
        """What to replace."""
        self._learn()
        lines = self.text.splitlines()
        for node in self.nodes:
            yield from self._node(node, lines)

    def _learn(self) -> None:
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom):
                base = self.base(node)
                for alias in node.names:
                    full = f"{base}.{alias.name}"
                    new = self.names.get(base, {}).get(alias.name)
                    if new and not alias.asname:
                        self.local[alias.name] = new
                    if full in self.names:
                        self.modules[alias.asname or alias.name] = full
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname and alias.name in self.names:
                        self.modules[alias.asname] = alias.name

    def _node(self, node: ast.AST, lines: list[str]) -> Iterator[Edit]:
        if isinstance(node, ast.Name) and node.id in self.local:
            yield (*place(node), self.local[node.id])
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from self._definition(node, lines)
        elif isinstance(node, ast.alias):
            yield from self._alias(node, lines)
        elif isinstance(node, ast.Attribute):
            yield from self._attribute(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from self._string(node, lines)

    def _definition(
        self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]
    ) -> Iterator[Edit]:
        top = node.col_offset == 0
        new = self.local.get(node.name) if top else self.attributes.get(node.name)
        if new:
            column = lines[node.lineno - 1].index(node.name, node.col_offset)
            yield (node.lineno, column, node.lineno, column + len(node.name), new)

    def _alias(self, node: ast.alias, lines: list[str]) -> Iterator[Edit]:
        for statement in self.nodes:
            if isinstance(statement, ast.ImportFrom) and node in statement.names:
                new = self.names.get(self.base(statement), {}).get(node.name)
                if new:
                    end = node.col_offset + len(node.name)
                    yield (node.lineno, node.col_offset, node.lineno, end, new)

    def _attribute(self, node: ast.Attribute) -> Iterator[Edit]:
        module = self.modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
        new = self.names.get(module or "", {}).get(node.attr)
        if new is None and module is None:
            new = self.attributes.get(node.attr)
        if new:
            assert node.end_lineno is not None and node.end_col_offset is not None
            start = node.end_col_offset - len(node.attr)
            yield (node.end_lineno, start, node.end_lineno, node.end_col_offset, new)

    def _string(self, node: ast.Constant, lines: list[str]) -> Iterator[Edit]:
        if node.lineno == node.end_lineno and node.end_col_offset is not None:
            raw = lines[node.lineno - 1].encode()[node.col_offset : node.end_col_offset].decode()
            new = in_text(raw, self.names, self.attributes)
            if isinstance(node.value, str) and node.value in self.local and raw[1:-1] == node.value:
                new = raw[0] + self.local[node.value] + raw[-1]
            if new != raw:
                yield (*place(node), new)


def in_text(text: str, names: Table, attributes: dict[str, str]) -> str:
    """``module:Old``, ``module.Old`` and ``module:Class.old`` as they are called now."""
    for module, rows in names.items():
        short = module.partition(".")[2]
        for old, new in rows.items():
            pattern = rf"((?<![\w.])(?:{re.escape(module)}|{re.escape(short)})[:.]){old}(?!\w)"
            text = re.sub(pattern, rf"\g<1>{new}", text)
    for old, new in attributes.items():
        text = re.sub(rf"(chatixia\.[\w.]+:\w+\.){old}(?!\w)", rf"\g<1>{new}", text)
    return text


def main(path: str) -> None:
    """Rewrite code and documents."""
    names, attributes = tables(path)
    for file in (each for top in CODE for each in (ROOT / top).rglob("*.py")):
        uses = Uses(file, names, attributes)
        text = apply(uses.text, set(uses.edits()))
        if text != uses.text:
            file.write_text(text, encoding="utf-8")
    for at in (ROOT / name for name in TEXTS):
        for file in at.rglob("*.md") if at.is_dir() else [at]:
            text = in_text(file.read_text(encoding="utf-8"), names, attributes)
            file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
