"""Moves modules of the package, with their tests and all that names them: move_modules.py TABLE

TABLE is a file of lines ``old.module new.module`` below ``chatixia``. Imports are rewritten from
the syntax tree; fault places and patched names in strings, paths and dotted names in documents by
their text. Nothing else changes, so that `git log --follow` sees each file through its move.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "chatixia"
SRC = ROOT / "src" / PACKAGE
CODE = ("src", "tests", "examples", "scripts")
TEXTS = ("docs", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "pyproject.toml")

Edit = tuple[int, int, int, int, str]
"""Line and column of start and end, from 1 and 0, and what stands there instead."""


def table(path: str) -> dict[str, str]:
    """Absolute dotted name of each moved module, before and after."""
    rows = (line.split() for line in Path(path).read_text().splitlines() if line.strip())
    return {f"{PACKAGE}.{old}": f"{PACKAGE}.{new}" for old, new in rows}


def module_of(path: Path) -> str:
    """The dotted name of a file, a package's that of its folder."""
    base = SRC.parent if path.is_relative_to(SRC) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def source_of(module: str) -> Path:
    """Where a module of the package stands."""
    return SRC.joinpath(*module.split(".")[1:]).with_suffix(".py")


def test_of(module: str) -> Path:
    """Where its test stands."""
    *folders, leaf = module.split(".")[1:]
    return ROOT.joinpath("tests", *folders, f"test_{leaf.lstrip('_')}.py")


class Imports:
    """The import statements of one file, as they must be after the move."""

    def __init__(self, path: Path, moves: dict[str, str]) -> None:
        self.text = path.read_text(encoding="utf-8")
        self.nodes = list(ast.walk(ast.parse(self.text)))
        self.moves = moves
        self.here = module_of(path)
        self.package = path.name == "__init__.py"
        self.after = moves.get(self.here, self.here)
        self.bound = set(self._bound())
        self.aliases: dict[str, str] = {}

    def _bound(self) -> Iterator[str]:
        """Every name that the file gives to something else than a module of ours."""
        for node in self.nodes:
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                yield node.id
            elif isinstance(node, ast.arg):
                yield node.arg
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.alias) and node.asname:
                yield node.asname

    def base(self, node: ast.ImportFrom) -> str:
        """The absolute module that a statement names."""
        if not node.level:
            return node.module or ""
        parts = self.here.split(".")
        parts = parts[: len(parts) - node.level + self.package]
        return ".".join([*parts, node.module] if node.module else parts)

    def shown(self, module: str) -> str:
        """How the file names ``module`` after the move: relative inside its own folder."""
        folder = self.after if self.package else self.after.rpartition(".")[0]
        if not folder.startswith(f"{PACKAGE}.") and not self.package:
            return module
        if module == folder:
            return "."
        return module.removeprefix(folder) if module.startswith(f"{folder}.") else module

    def edits(self) -> Iterator[Edit]:
        """What to replace."""
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom):
                yield from self._from(node)
            elif isinstance(node, ast.Import):
                names = [self.moves.get(alias.name, alias.name) for alias in node.names]
                if names != [alias.name for alias in node.names]:
                    parts = zip(names, node.names, strict=True)
                    yield (*place(node), f"import {', '.join(named(n, a) for n, a in parts)}")
        for node in self.nodes:
            if isinstance(node, ast.Name) and node.id in self.aliases:
                yield (*place(node), self.aliases[node.id])

    def _from(self, node: ast.ImportFrom) -> Iterator[Edit]:
        base = self.base(node)
        if base.split(".")[0] != PACKAGE:
            return
        groups: dict[str, list[str]] = {}
        for alias in node.names:
            module, name = self._target(base, alias)
            groups.setdefault(self.shown(module), []).append(name)
        before = "." * node.level + (node.module or "")
        if groups != {before: [named(alias.name, alias) for alias in node.names]}:
            lines = [f"from {module} import {', '.join(names)}" for module, names in groups.items()]
            # Longer than a line it is in brackets, which the formatter sets.
            lines = [re.sub(r"import (.*)", r"import (\1)", x) if len(x) > 80 else x for x in lines]
            yield (*place(node), f"\n{' ' * node.col_offset}".join(lines))

    def _target(self, base: str, alias: ast.alias) -> tuple[str, str]:
        """Where an imported name is now, and how it is imported."""
        moved = self.moves.get(f"{base}.{alias.name}")
        if moved is None:
            return self.moves.get(base, base), named(alias.name, alias)
        module, _, leaf = moved.rpartition(".")
        if leaf == alias.name or alias.asname:
            return module, named(leaf, alias)
        if {leaf, alias.name} & self.bound:
            return module, f"{leaf} as {alias.name}"
        self.aliases[alias.name] = leaf
        return module, leaf


def named(name: str, alias: ast.alias) -> str:
    """``name`` with the alias's other name, if it has one."""
    return f"{name} as {alias.asname}" if alias.asname else name


def place(node: ast.stmt | ast.expr) -> tuple[int, int, int, int]:
    """Where a node stands."""
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text after its edits, the last first. Columns count bytes, as the syntax tree does."""
    lines = text.splitlines(keepends=True)
    for line, column, end_line, end_column, new in sorted(edits, reverse=True):
        head = lines[line - 1].encode()[:column].decode()
        tail = lines[end_line - 1].encode()[end_column:].decode()
        lines[line - 1 : end_line] = [head + new + tail]
    return "".join(lines)


def renamed(text: str, moves: dict[str, str]) -> str:
    """Text whose dotted names (the package's own name left out or not) and paths are the new."""
    for old, new in sorted(moves.items(), key=lambda row: -len(row[0])):
        pairs = [(rf"(?<![\w.]){re.escape(old)}(?!\w)", new)]
        short, short_new = old.partition(".")[2], new.partition(".")[2]
        pairs.append((rf"(?<![\w./]){re.escape(short)}(?!\w)(?=[.`\"':])", short_new))
        path, path_new = short.replace(".", "/"), short_new.replace(".", "/")
        pairs.append((rf"(?<!\w){re.escape(path)}\.py\b", f"{path_new}.py"))
        test, test_new = (str(test_of(module).relative_to(ROOT)) for module in (old, new))
        pairs.append((re.escape(test), test_new))
        for pattern, instead in pairs:
            hidden = instead.replace(".", "\0").replace("/", "\1")  # no later row changes it again
            text = re.sub(pattern, hidden, text)
    return text.replace("\0", ".").replace("\1", "/")


def strings(text: str, moves: dict[str, str]) -> str:
    """Python source whose strings and comments name the moved modules as they are called now."""
    kinds = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    lines, edits = text.splitlines(keepends=True), []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in kinds and (new := renamed(token.string, moves)) != token.string:
            (line, column), (end, end_column) = token.start, token.end
            column = len(lines[line - 1][:column].encode())
            end_column = len(lines[end - 1][:end_column].encode())
            edits.append((line, column, end, end_column, new))
    return apply(text, edits)


def rewrite(moves: dict[str, str]) -> None:
    """Name everything by where it will be."""
    for file in (path for top in CODE for path in (ROOT / top).rglob("*.py")):
        imports = Imports(file, moves)
        text = strings(apply(imports.text, imports.edits()), moves)
        if text != imports.text:
            file.write_text(text, encoding="utf-8")
    for at in (ROOT / name for name in TEXTS):
        for file in at.rglob("*.md") if at.is_dir() else [at]:
            file.write_text(renamed(file.read_text(encoding="utf-8"), moves), encoding="utf-8")


def move(moves: dict[str, str]) -> None:
    """Move the files, by way of names of their own: one may go to where another stood."""
    pairs = [(at(old), at(new)) for old, new in moves.items() for at in (source_of, test_of)]
    pairs = [(old, new) for old, new in pairs if old.exists()]
    steps = [(old, old.with_name(f"moving_{old.name}")) for old, _ in pairs]
    steps += [(old.with_name(f"moving_{old.name}"), new) for old, new in pairs]
    for old, new in steps:
        new.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "mv", str(old), str(new)], cwd=ROOT, check=True)


if __name__ == "__main__":
    rewrite(table(sys.argv[1]))
    move(table(sys.argv[1]))
