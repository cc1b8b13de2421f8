"""The import law: wire speaks, core decides, store remembers, peer, agent and registry act,
assembly joins, cli types.

Two tables hold it, each row with its reason: ROOMS says which package may import which, RULES what
else is confined and where. Every row is also tried on a planted breach that must be reported, and
on an innocent neighbour that must not.
"""

from __future__ import annotations

import ast
import pathlib
import re
from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import pytest

from chatixia import _PUBLIC

ROOT = pathlib.Path(__file__).parents[1] / "src" / "chatixia"
BASE = ("ids", "errors", "world", "background", "identity", "wire", "core")
LIVE = ("store", "client", "peer", "agent", "registry", "sidecar", "gateway")

# room -> (what it may import of ours, why no more)
ROOMS: dict[str, tuple[tuple[str, ...], str]] = {
    "ids": ((), "names are words; everything stands on them"),
    "errors": (("ids",), "one tree for every process, so it may know nothing of any"),
    "world": (("ids", "errors"), "clock and entropy serve everyone and ask no one"),
    "background": (("world",), "tasks that run beside have one owner, whoever that is"),
    "identity": (("ids", "errors"), "keys sign bytes and know no record"),
    "wire": (("ids", "errors"), "what crosses a process is plain data with bounds"),
    "core": (("ids", "errors", "wire"), "a decision depends on its arguments alone"),
    "store": (BASE, "what survives a crash does not know who asks"),
    "client": (BASE, "a program's view works on any mesh behind the port"),
    "peer": ((*BASE, "store.local"), "links carry bytes for any agent, and keep their own pins"),
    "agent": ((*BASE, "client", "store.local"), "the same agent runs in process or by a sidecar"),
    "registry": ((*BASE, "store.control"), "the registry can never read an agent's own store"),
    "sidecar": ((*BASE, "peer"), "a peer behind a socket, nothing else"),
    "gateway": ((*BASE, "client"), "the outside world enters as a client like any other"),
    "hub": ((), "static files and where they lie"),
    "assembly": ((*BASE, *LIVE), "the one place where parts meet"),
    "cli": ((*BASE, *LIVE, "assembly"), "parses, calls assembly, prints"),
    "testing": ((*BASE, *LIVE, "assembly"), "public doubles stand above everything"),
}
PURE = ("ids", "errors", "wire", "core")
PURE_MAY = set(
    "__future__ abc base64 collections dataclasses enum functools hashlib heapq itertools math re"
    " typing msgspec".split()
)


class Module(NamedTuple):
    """A parsed file: `here` is its dotted name below chatixia, `room` its top package."""

    here: str
    package: bool
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.here.split(".")[0]


class Found(NamedTuple):
    line: int
    what: str


def within(name: str, rooms: Iterable[str]) -> bool:
    return any(name == room or name.startswith(room + ".") for room in rooms)


def imports(module: Module, eager: bool = False) -> Iterator[tuple[int, str]]:
    """Each import as (line, absolute dotted name); `eager`: only those run at import time."""
    for node in walk_eager(module.tree) if eager else ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parts = ["chatixia", *module.here.split(".")]
                parts = parts[: len(parts) - node.level + module.package]
                source = ".".join([*parts, source] if source else parts)
            yield from ((node.lineno, f"{source}.{alias.name}") for alias in node.names)


def walk_eager(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when a module is imported: no function bodies, no TYPE_CHECKING blocks."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from walk_eager(child)


def calls(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


def neighbours(module: Module) -> Iterator[Found]:
    """Imports of our own packages against ROOMS."""
    if not module.here:
        return
    allowed = (module.room, *ROOMS[module.room][0])
    for line, name in imports(module):
        top, _, rest = name.partition(".")
        rest = _PUBLIC.get(rest, rest)  # a public name counts as the module that holds it
        if top == "chatixia" and rest not in ("", "__version__") and not within(rest, allowed):
            yield Found(line, f"may not import {rest}")


Check = Callable[[Module], Iterator[Found]]


def only_in(names: str, *rooms: str) -> Check:
    """Those libraries are imported in those rooms only."""

    def check(module: Module) -> Iterator[Found]:
        for line, name in imports(module):
            if within(name, names.split()) and not within(module.here, rooms):
                yield Found(line, f"{name} lives only in {', '.join(rooms)}")

    return check


def only_calls(pattern: str, *rooms: str) -> Check:
    """Calls of that name are made in those rooms only."""

    def check(module: Module) -> Iterator[Found]:
        for line, name in calls(module):
            if re.search(pattern, name) and not within(module.here, rooms):
                yield Found(line, f"calls {name}; only {', '.join(rooms)} may")

    return check


def pure_imports(module: Module) -> Iterator[Found]:
    for line, name in imports(module):
        top = name.partition(".")[0]
        if module.room in PURE and top not in PURE_MAY | {"chatixia"}:
            yield Found(line, f"is pure and may not import {top}")


def pure_calls(module: Module) -> Iterator[Found]:
    for line, name in calls(module):
        if module.room in PURE and name in {"open", "__import__", "print", "input", "exec", "eval"}:
            yield Found(line, f"is pure and may not call {name}")


def pure_awaits(module: Module) -> Iterator[Found]:
    for node in ast.walk(module.tree):
        is_async = isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        if is_async and module.room in PURE and not in_protocol(module.tree, node):
            yield Found(getattr(node, "lineno", 0), "is pure and never awaits")


def in_protocol(tree: ast.AST, node: ast.AST) -> bool:
    """Tell whether the node only describes someone else's method, in a Protocol."""
    protocols = (
        owner
        for owner in ast.walk(tree)
        if isinstance(owner, ast.ClassDef)
        and any("Protocol" in ast.unparse(base) for base in owner.bases)
    )
    return any(node in owner.body for owner in protocols)


SQL = re.compile(
    r"\s*(SELECT\s.+\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|"
    r"CREATE\s+(TABLE|INDEX)|PRAGMA)\s",
    re.I | re.S,
)


def sql(module: Module) -> Iterator[Found]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if SQL.match(node.value) and not within(module.here, ["store"]):
                yield Found(node.lineno, "SQL lives only in store")


def heavy(module: Module) -> Iterator[Found]:
    parts = [f"chatixia.{room}" for room in ("store", "peer", "registry", "sidecar", "gateway")]
    for line, name in imports(module, eager=True):
        if module.room in ("assembly", "cli") and within(name, parts):
            yield Found(line, f"imports {name} while being imported; do it inside the function")


class Rule(NamedTuple):
    name: str
    why: str
    check: Check
    breach: tuple[str, str]  # (where, source) that must be reported
    fine: tuple[str, str]  # and one that must not


RULES = [
    Rule(
        "pure imports",
        "what decides must replay exactly from its arguments",
        pure_imports,
        ("wire.peer", "import os"),
        ("wire.peer", "import re"),
    ),
    Rule(
        "pure calls",
        "a file or a terminal is an argument nobody passed",
        pure_calls,
        ("core.task", "x = open('f')"),
        ("core.task", "x = opened('f')"),
    ),
    Rule(
        "pure waits",
        "an await is a place where the world changes under a decision",
        pure_awaits,
        ("core.link", "async def f(): pass"),
        ("core.ports", "class P(Protocol):\n    async def f(self): ..."),
    ),
    Rule(
        "time and chance",
        "a test owns the clock and the dice only if there is one of each",
        only_in("time random secrets uuid", "world"),
        ("core.link", "import time"),
        ("world", "import time, secrets"),
    ),
    Rule(
        "time and chance by another door",
        "the same",
        only_calls(
            r"(^|\.)(datetime\.now|datetime\.utcnow|datetime\.today|date\.today|os\.urandom|"
            r"os\.getrandom)$|loop(\(\))?\.time$",
            "world",
            "identity",
        ),
        ("peer.driver", "x = os.urandom(8)"),
        ("peer.driver", "x = world.urandom(8)"),
    ),
    Rule(
        "databases",
        "durability rules are kept by one room",
        only_in("sqlite3 asyncpg aiosqlite psycopg", "store"),
        ("registry.work.tasks", "def f():\n    import sqlite3"),
        ("store.control.writer", "import sqlite3"),
    ),
    Rule(
        "SQL",
        "a query elsewhere would be a schema that no migration sees",
        sql,
        ("registry.live.events", "q = 'select id from tasks where x'"),
        ("registry.live.events", "q = 'select an id, then go'"),
    ),
    Rule(
        "engines",
        "an engine is replaced in one folder",
        only_in("wrtc webrtc aiortc aioice", "peer.engines"),
        ("peer.driver", "def f():\n    import webrtc"),
        ("peer.engines.native", "import wrtc"),
    ),
    Rule(
        "models",
        "providers are heavy and change monthly",
        only_in("pydantic_ai openai anthropic genai_prices", "agent.model.library"),
        ("agent.model.service", "def f():\n    import pydantic_ai"),
        ("agent.model.library.providers", "import pydantic_ai"),
    ),
    Rule(
        "requests to other hosts",
        "nobody but the named is asked anything, and each place that asks is known",
        only_in("httpx2 authlib", "agent.model.library", "registry.people.provider", "gateway"),
        ("registry.web.provider", "import httpx2"),
        ("registry.people.provider", "def f():\n    import authlib.oauth2"),
    ),
    Rule(
        "outside protocols",
        "the mesh's call path must not run through them",
        only_in("a2a mcp", "gateway"),
        ("agent.runtime", "from mcp.server import x"),
        ("gateway.door", "import a2a.types"),
    ),
    Rule(
        "web server",
        "an agent's process serves no HTTP",
        only_in("starlette uvicorn httptools", "registry", "assembly", "testing", "gateway"),
        ("agent.runtime", "import starlette"),
        ("registry.web.routes", "from starlette.routing import Route"),
    ),
    Rule(
        "command line",
        "a decision inside a command cannot be called by a program",
        only_in("click", "cli"),
        ("assembly.serve.up", "import click"),
        ("cli.up", "import click"),
    ),
    Rule(
        "imports by string",
        "they would walk around this law",
        # cli.group: its own commands, each in the file of its name
        only_calls(r"import_module$|^__import__$", "assembly", "testing", "cli.group"),
        ("registry.web.routes", "importlib.import_module('chatixia.agent')"),
        ("assembly.run.load", "importlib.import_module(name)"),
    ),
    Rule(
        "cheap to import",
        "`import chatixia` and `--help` load no engine, server or database",
        heavy,
        ("assembly.serve.up", "from chatixia.registry import web"),
        ("assembly.serve.up", "def f():\n    from chatixia.registry import web"),
    ),
    Rule(
        "neighbours",
        "the rooms table, below in its own test row by row",
        neighbours,
        ("agent.runtime", "from ..peer import mesh"),
        ("peer.driver", "from ..store.local import pins"),
    ),
]


def parse(here: str, source: str, package: bool = False) -> Module:
    return Module(here, package, ast.parse(source))


def modules() -> list[Module]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        package = parts[-1] == "__init__"
        here = ".".join(parts[:-1] if package else parts)
        if here:  # the package's own list loads by name, lazily: test_public holds it
            found.append(parse(here, path.read_text(encoding="utf-8"), package))
    return found


TREE = modules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_law(rule: Rule):
    found = [f"{m.here}:{line} {what}" for m in TREE for line, what in rule.check(m)]
    assert not found, "\n".join([rule.why, *found])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_law_sees_a_breach(rule: Rule):
    assert list(rule.check(parse(*rule.breach)))
    assert not list(rule.check(parse(*rule.fine)))


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_keeps_out_the_others(room: str):
    allowed, why = ROOMS[room]
    assert why
    for other in ROOMS:
        source = f"from chatixia.{other} import thing"
        reported = bool(list(neighbours(parse(f"{room}.x", source))))
        assert reported == (other != room and other not in allowed), other


def test_every_package_has_a_row():
    assert {m.room for m in TREE} <= set(ROOMS)


def test_the_table_has_no_cycle():
    rooms = {room: {a.split(".")[0] for a in allowed} for room, (allowed, _) in ROOMS.items()}
    order = list(TopologicalSorter(rooms).static_order())
    assert len(order) == len(ROOMS)


def graph(tree: list[Module]) -> dict[str, set[str]]:
    """Module -> modules it names; `from package import name` counts as the module if it is one."""
    known = {m.here for m in tree}
    edges: dict[str, set[str]] = {m.here: set() for m in tree}
    for m in tree:
        for _, name in imports(m):
            target = name.removeprefix("chatixia.")
            target = target if target in known else target.rpartition(".")[0]
            if name.startswith("chatixia.") and target in known and target != m.here:
                edges[m.here].add(target)
    return edges


def cycle(tree: list[Module]) -> list[str]:
    try:
        TopologicalSorter(graph(tree)).prepare()
    except CycleError as e:
        return list(e.args[1])
    return []


def test_no_module_imports_itself_in_a_circle():
    assert not cycle(TREE)


FOLDERS: dict[str, dict[str, tuple[str, ...]]] = {
    "peer": {
        "ports": (),
        "timers": (),
        "engines": (),
        "records": (),
        "artifacts": ("timers",),
        "sessions": ("ports", "records", "timers", "engines", "artifacts"),
        "links": ("ports", "records", "engines"),
        "control": ("ports", "sessions"),
        "tasks": ("ports", "timers", "artifacts", "sessions", "control"),
        "described": ("engines", "sessions", "control"),
        "mesh": ("ports", "records", "timers", "artifacts", "sessions", "tasks", "described"),
        "driver": ("engines", "links", "control", "described", "mesh"),
    },
    "gateway": {
        "mcp": (),
    },
    "assembly": {
        "profile": (),
        "remote": ("profile",),
        "membership": ("profile", "remote"),
        "serve": ("profile",),
        "doctor": ("profile", "remote"),
    },
}
"""package -> folder (or file beside the folders) -> what of the package it may import. A folder
that is no key imports freely, but nothing that is one imports it."""


def between_folders(package: str) -> set[tuple[str, str]]:
    """The import arrows between the folders of a package, the files beside them counted alike."""
    pairs = (
        (source.split("."), target.split("."))
        for source, targets in graph(TREE).items()
        for target in targets
    )
    return {
        (source[1], target[1])
        for source, target in pairs
        if source[0] == target[0] == package
        and len(source) > 1 < len(target)
        and source[1] != target[1]
    }


@pytest.mark.parametrize("package", FOLDERS)
def test_arrows_between_folders_go_one_way(package: str):
    allowed = FOLDERS[package]
    breaches = {
        (source, target)
        for source, target in between_folders(package)
        if source in allowed and target not in allowed[source]
    }
    assert not breaches
    TopologicalSorter(allowed).prepare()


def test_peer_names_each_of_its_folders():
    folders = {m.here.split(".")[1] for m in TREE if m.room == "peer" and "." in m.here}
    assert folders == set(FOLDERS["peer"])


def test_a_circle_is_seen():
    a = parse("core.a", "def f():\n    from chatixia.core import b")
    b = parse("core.b", "from chatixia.core.a import f")
    assert cycle([a, b])
    assert not cycle([a, parse("core.b", "import re")])
