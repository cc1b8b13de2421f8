"""Each source file has its test file and each test file its source; nothing grows past its size.

`src/chatixia/a/b.py` is tested by `tests/a/test_b.py`. A package's `__init__.py` that only says
what the package is needs none.
"""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SRC = ROOT / "src" / "chatixia"
TESTS = ROOT / "tests"
FREE = {"acceptance", "bench", "faults", "golden", "interop", "lab"}  # mirror no source file
FILE_LINES = 500
FUNCTION_LINES = 50
ROOT_TESTS = {
    "test_layers.py",
    "test_pairs.py",
    "test_docs.py",
    "test_public.py",
    "test_repo.py",
    "test_words.py",
}


def own_tests(source: pathlib.PurePath) -> list[pathlib.PurePath]:
    """Where the test of a source file (relative to the package) may stand (relative to tests)."""
    if source.name == "__init__.py":
        names = ("test___init__.py", f"test_{source.parent.name}.py")
        return [source.with_name(name) for name in names]
    return [source.with_name(f"test_{source.name.lstrip('_')}")]


def says_only(path: pathlib.Path) -> bool:
    """Tell whether a file holds nothing but its docstring and names (imports, constants)."""
    plain = (ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return all(isinstance(node, plain) for node in body)


def sources() -> list[pathlib.PurePath]:
    found = (p for p in SRC.rglob("*.py") if p != SRC / "__init__.py")
    return sorted(p.relative_to(SRC) for p in found if p.name != "__main__.py")


def test_each_source_file_has_its_test():
    missing = [
        f"src/chatixia/{source}: no tests/{own_tests(source)[0]}"
        for source in sources()
        if not (source.name == "__init__.py" and says_only(SRC / source))
        and not any((TESTS / test).is_file() for test in own_tests(source))
    ]
    assert not missing, "\n".join(missing)


def test_each_test_has_its_source():
    wanted = {test for source in sources() for test in own_tests(source)}
    orphans = [
        str(path)
        for path in (p.relative_to(TESTS) for p in TESTS.rglob("test_*.py"))
        if path.parts[0] not in FREE | ROOT_TESTS and path not in wanted
    ]
    assert not orphans, "these test no file of src: " + ", ".join(orphans)


def code() -> list[pathlib.Path]:
    folders = ("src", "tests", "examples", "scripts")
    return sorted(p for f in folders for p in (ROOT / f).rglob("*.py") if ".venv" not in p.parts)


def test_no_file_is_longer_than_its_bound():
    long = [(p, n) for p in code() if (n := p.read_text(encoding="utf-8").count("\n")) > FILE_LINES]
    assert not long, "\n".join(f"{p.relative_to(ROOT)}: {n} lines" for p, n in long)


def functions(tree: ast.AST) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Each function with its lines, its docstring not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node) is not None:
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            yield node, lines


def test_no_function_is_longer_than_its_bound():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {lines} lines"
        for path in code()
        for node, lines in functions(ast.parse(path.read_text(encoding="utf-8")))
        if lines > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_each_module_says_what_it_is():
    mute = [
        str(path.relative_to(ROOT))
        for path in code()
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not mute, "no docstring: " + ", ".join(mute)


@pytest.mark.parametrize(
    ("source", "test"),
    [("ids.py", "test_ids.py"), ("x/_y.py", "x/test_y.py"), ("x/__init__.py", "x/test_x.py")],
)
def test_the_pairing_itself(source: str, test: str):
    assert pathlib.PurePath(test) in own_tests(pathlib.PurePath(source))


def test_the_size_check_sees_a_long_function():
    body = "\n".join(f"    x{n} = {n}" for n in range(60))
    [(_, lines)] = functions(ast.parse(f'def f():\n    """Doc\n\n    more."""\n{body}\n'))
    assert lines == 61
