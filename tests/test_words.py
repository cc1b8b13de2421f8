"""Names in the words of the field: one class name for one thing, and no private language.

A word is banned as a whole identifier and as a part of one between underscores. What a wire, a
library or the public API calls so stands in a table with its reason.
"""

from __future__ import annotations

import ast
import pathlib
from collections import defaultdict
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parents[1] / "src" / "chatixia"
FILES = sorted(ROOT.rglob("*.py"))

BANNED = frozenset(
    (
        "said told came made found known heard asked given gone held seen kept meant owed hope"
        " breath twice birth births chore chores desk door upper talk who whose why mine theirs"
        " ours out"
    ).split()
)
"""Participles and pronouns say nothing about what a thing is; the rest were words of our own."""

KEPT_NAMES: dict[str, str] = {
    "assembly.upper": "a method of str",
    "core.upper": "a method of str",
    "core.held_bytes": "a setting of the registry",
    "assembly.connection_made": "a method of asyncio.Protocol",
    "assembly.why": "a public field of Reply",
    "cli.why": "a public field of Reply",
    "client.why": "a public field of Reply",
    "Held": "a message of its golden bytes",
    "store.Held": "a message of its golden bytes",
    "registry.connection_made": "a method of asyncio.Protocol",
    "sidecar.connection_made": "a method of asyncio.Protocol",
}
"""identifier, or package.identifier -> why it stays."""

SHARED_CLASSES = {
    "Ping": "message of a link and of the socket, each the class of its golden bytes",
    "Progress": "a public name, and the payload of its golden bytes",
    "Pong": "a public name, and the socket's message of its golden bytes",
    "Task": "a public name, and a component of our OpenAPI document",
}


def identifiers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno


def banned(source: str, package: str = "") -> list[tuple[str, int]]:
    return [
        (name, line)
        for name, line in identifiers(ast.parse(source))
        if not {name, f"{package}.{name}"} & KEPT_NAMES.keys()
        and BANNED & set(name.lower().split("_"))
    ]


def package_of(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("package", sorted({package_of(path) for path in FILES}))
def test_no_identifier_is_of_a_private_language(package: str):
    breaches = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in FILES
        if package_of(path) == package
        for name, line in banned(path.read_text(encoding="utf-8"), package)
    ]
    assert not breaches, "\n".join(breaches)


def test_no_public_class_name_stands_twice():
    places = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert set(shared) == set(SHARED_CLASSES), shared


def test_a_banned_word_is_seen_wherever_it_stands():
    source = "def told_of(said): x.found = f(known=1)\nclass Said: ...\n"
    assert [name for name, _ in banned(source)] == ["told_of", "Said", "said", "found", "known"]
    assert banned("outcome = without = answer") == []
