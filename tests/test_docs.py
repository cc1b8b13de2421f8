"""The documents name everything that crosses a wire or that a user may type, and their code holds.

The lists come from the code: error codes from `chatixia.errors.TABLE`, message types from the
tags in `chatixia.wire`, verbs from its table, commands from the command line itself, settings from
the environment variables and settings structs that src names. A heading must name each in
backticks: ``### `busy` ``. Verbs, and environment variables, may stand in a table's first cell.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import os
import pathlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml
from mypy import api

import chatixia.wire
from chatixia.agent.manifest import Manifest
from chatixia.assembly.run.templates import TEMPLATES
from chatixia.core.task import TRANSITIONS
from chatixia.errors import TABLE
from chatixia.peer.tasks.worker import VIA
from chatixia.registry.settings import RegistrySettings
from chatixia.wire.peer import CAPABILITIES, MESSAGE_TYPES
from chatixia.wire.signaling import ANNOUNCE
from chatixia.wire.tasks import STATES
from chatixia.wire.verb import MEMBERS, Verb
from chatixia.wire.verbs import BY_NAME
from tests.assembly.stubs.sample import skills_of, written

ROOT = pathlib.Path(__file__).parents[1]
SRC = ROOT / "src" / "chatixia"
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```", re.M | re.S)


class Block(NamedTuple):
    where: str
    info: str
    code: str


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of those languages, dedented, each with its place."""
    found = []
    for page, text in TEXTS.items():
        for match in FENCE.finditer(text):
            if match[2].split(" ")[0].strip() in languages:
                line = text.count("\n", 0, match.start()) + 1
                code = re.sub(f"^{match[1]}", "", match[3], flags=re.M)
                found.append(Block(f"{page}:{line}", match[2], code))
    return found


def named(*, cells: bool = False) -> set[str]:
    """What stands in backticks in any heading (and, with `cells`, in any table's first cell)."""
    pattern = r"^#+ .*$" + (r"|^\|[^|]*\|" if cells else "")
    lines = [
        m[0] for text in TEXTS.values() for m in re.finditer(pattern, without_code(text), re.M)
    ]
    return {name for line in lines for name in re.findall(r"`([^`]+)`", line)}


def without_code(text: str) -> str:
    return FENCE.sub("", text)


def wire_types() -> set[str]:
    """Every tag of a struct in chatixia.wire, and the types of the described envelope."""
    tags = set(MESSAGE_TYPES)
    for info in pkgutil.iter_modules(chatixia.wire.__path__):
        for thing in vars(importlib.import_module(f"chatixia.wire.{info.name}")).values():
            if isinstance(thing, type) and issubclass(thing, msgspec.Struct):
                tag = thing.__struct_config__.tag
                tags |= {tag} if isinstance(tag, str) and not thing.__subclasses__() else set()
    return tags


def commands() -> set[str]:
    """Every command and subcommand of `chatixia`, as it is typed."""
    import click

    from chatixia.cli.group import chatixia as group

    def walk(command: click.Command, path: str) -> Iterator[str]:
        yield path
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                sub = command.get_command(context, name)
                if sub and not sub.hidden:
                    yield from walk(sub, f"{path} {name}")

    return set(walk(group, "chatixia")) - {"chatixia"}


def variables() -> set[str]:
    """Every environment variable of ours that src names."""
    texts = (path.read_text(encoding="utf-8") for path in SRC.rglob("*.py"))
    return {name for text in texts for name in re.findall(r"[\"'](CHATIXIA_[A-Z_]+)[\"']", text)}


def settings() -> set[str]:
    """Every setting a user may write, dotted (api.md section 4)."""
    return {key for root in (Manifest, RegistrySettings) for key in keys(root)}


def settings_told() -> set[str]:
    """The keys of the tables in docs/operations.md: ``.name`` goes on from the one before it, and a
    table "key below `group`" holds those of a group."""
    told: set[str] = set()
    below = ""
    for cell in re.findall(r"^\|([^|]*)\|", TEXTS["docs/operations.md"], re.M):
        if re.match(" key", cell):
            below = "".join(f"{group}." for group in re.findall(r" below `(\w+)`", cell))
        group = below
        for name in re.findall(r"`([^`]+)`", cell):
            if name.startswith("."):
                told.add(group.rstrip(".") + name)
            else:
                told.add(below + name)
                group = (below + name).rpartition(".")[0]
    return told


def keys(struct: Any, prefix: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(struct):
        name = f"{prefix}{field.encode_name}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from keys(field.type, f"{name}.")
        else:
            yield name


def absent(wanted: Iterable[str], there: set[str]) -> list[str]:
    return sorted(set(wanted) - there)


def test_each_error_code_has_a_heading():
    assert not absent(TABLE, named())


def test_each_wire_type_has_a_heading():
    assert not absent(wire_types(), named())


def verb_row(verb: Verb) -> str:
    """The row of docs/protocol.md, as the table of verbs has it."""
    over = "" if verb.ws else " (REST only)"
    who = "every member" if verb.callers == MEMBERS else ", ".join(verb.callers)
    errors = ", ".join(verb.errors) or "-"
    return f"| `{verb.name}` | {verb.method} `{verb.path}`{over} | {who} | {errors} |"


def test_each_verb_stands_in_its_table_as_it_is():
    rows = re.findall(r"^\| `[^`]+` \| [A-Z]+ `/.*$", TEXTS["docs/protocol.md"], re.M)
    assert sorted(rows) == sorted(map(verb_row, BY_NAME.values()))


def test_each_capability_is_told():
    told = set(re.findall(r"`(\w+/\d)`", TEXTS["docs/protocol.md"]))
    assert not absent({*CAPABILITIES, ANNOUNCE}, told)


def test_each_command_has_a_heading():
    assert not absent(commands(), named())


def test_each_setting_stands_in_a_table():
    assert not absent(variables(), named(cells=True))
    assert not absent(settings(), settings_told())
    assert {"relay.mb_per_s_pair", "unproved.share", "links.keep"} <= settings()


def test_nothing_is_documented_that_is_not_there():
    pages = [text for name, text in TEXTS.items() if name == "docs/errors.md"]
    codes = {c for t in pages for c in re.findall(r"^### `([a-z_]+)`", t, re.M)}
    assert not codes - set(TABLE)


def test_each_error_states_the_facts_of_its_class():
    text = TEXTS["docs/errors.md"]
    for code, kind in TABLE.items():
        retry = "retryable" if kind.retry else "not retryable"
        facts = f"HTTP {kind.status}, exit {kind.exit}, {retry}, outcome {kind.default_outcome}."
        head = f"### `{code}`\n\n`{kind.__name__}`: {kind.sentence}\n{facts}\n"
        assert head in text, f"docs/errors.md: {code} should begin\n{head}"


def human(bound: float, unit: str) -> str:
    """A bound as docs/limits.md writes it."""
    for size, word in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if unit in ("KiB", "MiB") and bound % size == 0:
            return f"{bound // size} {word}"
    return f"{bound:,g} {unit}".strip() if bound < 1e6 else f"{bound:,.0f} {unit}".strip()


def test_each_limit_is_the_one_in_the_code():
    rows = re.findall(
        r"^\| [^|]+ \| ([\d.,]+) ?(\w*) \| [^|]+ \| `([\w.]+)` \|$", TEXTS["docs/limits.md"], re.M
    )
    assert len(rows) > 50
    for shown, unit, path in rows:
        module, _, name = path.rpartition(".")
        bound = getattr(importlib.import_module(f"chatixia.{module}"), name)
        assert f"{shown} {unit}".strip() == human(bound, unit), path


def test_it_is_said_plainly_what_a_registry_can_do_with_queued_work():
    for page in ("README.md", "docs/security.md", "docs/tasks.md"):
        text = " ".join(TEXTS[page].replace("*", "").split())
        assert re.search(r"read(, | it, )change (and forge|it and forge it)", text), page
        assert VIA in text, page
        assert "withhold a revocation" in text or page == "docs/tasks.md", page


def test_each_state_may_become_what_the_table_of_transitions_says():
    for state in STATES:
        found = re.search(rf"^\| `{state}` \|[^|]*\| (.*) \|$", TEXTS["docs/tasks.md"], re.M)
        assert found, state
        next_ = {step.to for (here, _), step in TRANSITIONS.items() if here == state} - {state}
        assert set(re.findall(r"`(\w+)`", found[1])) == next_, state


def wrong_imports(block: Block) -> Iterator[str]:
    for node in ast.walk(ast.parse(block.code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "chatixia":
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                if not hasattr(module, alias.name):
                    yield f"{block.where}: {node.module} has no {alias.name}"


def test_python_compiles_and_imports_what_there_is():
    wrong: list[str] = []
    for block in blocks("python", "py"):
        compile(block.code, block.where, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        wrong += wrong_imports(block)
    assert not wrong, "\n".join(wrong)


def library_stub(code: str) -> str:
    """What `chatixia stubs library` writes of the agent in ``code``."""
    names: dict[str, Any] = {"__name__": "library"}
    exec(compile(code, "library.py", "exec", dont_inherit=True), names)
    return written("library", asyncio.run(skills_of(names["agent"])))


@pytest.mark.integration
@pytest.mark.timeout(900)  # a checker reads the whole package at its first run
def test_python_passes_a_strict_type_check(tmp_path: pathlib.Path):
    """Every block of the documents, each as a file, and what `chatixia init` writes."""
    checked = {block.where: block.code for block in blocks("python", "py")}
    checked |= {f"init --role {role}": one.code for role, one in TEMPLATES.items()}
    files = {where: tmp_path / f"block{n}.py" for n, where in enumerate(checked)}
    [library] = [block.code for block in blocks("python") if "serve=library" in block.info.split()]
    (tmp_path / "library_stub.py").write_text(library_stub(library))
    for where, file in files.items():
        file.write_text(checked[where])
    out, fault, _ = api.run(
        [
            "--strict",
            "--config-file=",
            "--python-version=3.11",
            f"--cache-dir={ROOT}/build/mypy-docs",
            "--disable-error-code=top-level-await",
            "--no-error-summary",
            *map(str, files.values()),
        ]
    )
    for where, file in files.items():
        out = out.replace(str(file), where)
    assert not out, out
    assert not fault


def test_python_marked_run_runs(tmp_path: pathlib.Path):
    """A block that opens with ```python run is a whole program and exits 0."""
    env = {**os.environ, "CHATIXIA_HOME": str(tmp_path / "home")}
    for block in (b for b in blocks("python") if "run" in b.info.split()):
        command = [sys.executable, "-c", block.code]
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{block.where}: {done.stderr}"


def test_json_and_yaml_parse():
    for block in blocks("json"):
        json.loads(block.code)
    for block in blocks("yaml", "yml"):
        yaml.safe_load(block.code)


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_links_lead_somewhere():
    dead = []
    for page, text in TEXTS.items():
        for target in re.findall(r"\]\((?!\w+:)([^)\s]*)\)", without_code(text)):
            path, _, fragment = target.partition("#")
            file = (ROOT / page).parent / path if path else ROOT / page
            if not file.exists():
                dead.append(f"{page}: {target}")
            elif fragment and file.suffix == ".md":
                headings = re.findall(r"^#+ (.*)$", without_code(file.read_text()), re.M)
                if fragment not in map(anchor, headings):
                    dead.append(f"{page}: {target}")
    assert not dead, "\n".join(dead)


def misnamed_files(text: str) -> Iterator[str]:
    """Where "The files" of the map names a file that is not there, or passes a package over."""
    rows = re.findall(r"^\| `([\w./]+)`[^|]*\| (.*) \|$", text.partition("### The files")[2], re.M)
    named: dict[str, set[str]] = {}
    for package, cell in rows:
        named.setdefault(package, set()).update(re.findall(r"`(\w+)`", cell))
    for folder in sorted({file.parent for file in SRC.rglob("*.py")}):
        package = folder.relative_to(SRC).as_posix()
        there = {file.stem for file in folder.glob("*.py") if not file.stem.startswith("__")}
        cited = named.pop(package, set())
        yield from (f"{package}/{name}.py" for name in cited - there)
        if there and not cited:
            yield package
    yield from named


def test_the_map_names_files_of_every_package():
    text = TEXTS["docs/architecture.md"]
    assert not list(misnamed_files(text)), "see The files in docs/architecture.md"
    breach = text.replace("`membership` chains", "`memberships` chains")
    assert list(misnamed_files(breach)) == ["core/memberships.py"]
    assert list(misnamed_files(f"{text}\n| `tunnel` | `door` |\n")) == ["tunnel"]


def test_the_recipes_name_files_that_are_there():
    recipes = TEXTS["CONTRIBUTING.md"].partition("## Recipes")[2].partition("\n## ")[0]
    paths = set(re.findall(r"`([\w./]+/[\w.]*)`", recipes)) - {"src/", "tests/"}
    assert len(paths) > 15
    gone = [one for one in sorted(paths) if not any((at / one).exists() for at in (ROOT, SRC))]
    assert not gone


def names_in(code: str) -> set[str]:
    """What a file defines, uses or assigns."""
    nodes = list(ast.walk(ast.parse(code)))
    found = {str(getattr(node, "name", "")) for node in nodes}
    found |= {node.id for node in nodes if isinstance(node, ast.Name)}
    return found | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def names_gone(text: str) -> Iterator[str]:
    """Where ``text`` says "`name` in `file.py`", or "of", and the file has no such name."""
    for name, file in re.findall(r"`(\w+)`,? (?:of|in)\s+`([\w/]+\.py)`", text):
        there = [at / file for at in (ROOT, SRC) if (at / file).exists()]
        if not there or name not in names_in(there[0].read_text(encoding="utf-8")):
            yield f"{name} in {file}"


def test_what_a_page_finds_in_a_file_is_there():
    texts = TEXTS.items()
    assert not {(page, gone) for page, text in texts for gone in names_gone(text)}
    wrong = "`gone` in `core/call.py`, `attach` of\n`peer/sessions/listener.py`, `x` in `no.py`"
    assert list(names_gone(wrong)) == ["gone in core/call.py", "x in no.py"]


CITED = re.compile(
    r"([\w/-]+)\.md(?:[\s#]+sections?[\s#]+(\d+(?:(?:, | and )\d+)*)|(\s+\d))?", re.I
)
DESIGN = {
    pathlib.PurePath(page).stem: re.findall(r"^## (\d+)\. \S", text, re.M)
    for page, text in TEXTS.items()
    if page.startswith("docs/design/")
}


def lost_citations(text: str) -> Iterator[str]:
    """What ``text`` cites and is not there: "links.md section 5" names a design page and a heading
    of it; a page without a section is one of docs/ or of the root."""
    for match in CITED.finditer(text):
        page, numbers, loose = match.groups()
        if numbers and (headings := DESIGN.get(page.removeprefix("docs/design/"))):
            gone = bool(set(re.findall(r"\d+", numbers)) - set(headings))
        else:
            there = any((ROOT / folder / f"{page}.md").exists() for folder in (".", "docs"))
            gone = bool(numbers or loose) or not (there or page == "AGENT")
        if gone:
            yield " ".join(match[0].split())


def cited_at_run_time(code: str) -> Iterator[str]:
    """Strings that cite a section, but for docstrings: an error reads without our pages."""
    tree = ast.parse(code)
    bare = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield from re.findall(r"\w+\.md section \d+|^section \d+|\(section \d+", node.value)


def test_each_page_and_heading_that_is_cited_exists():
    assert {page: len(numbers) for page, numbers in DESIGN.items()} == {
        "trust": 7,
        "links": 6,
        "tasks": 10,
        "api": 5,
    }
    written = {**TEXTS}
    for folder in ("src", "tests", "examples", "scripts"):
        for file in (ROOT / folder).rglob("*.py"):
            written[file.relative_to(ROOT).as_posix()] = file.read_text(encoding="utf-8")
    del written["tests/test_docs.py"]  # its own breaches
    wrong = [
        f"{where}: {cited}"
        for where, text in written.items()
        for cited in lost_citations(text)
        if where.startswith("src/") or "section" in cited
    ]
    wrong += [
        f"{where}: at run time: {cited}"
        for where, text in written.items()
        if where.startswith("src/")
        for cited in cited_at_run_time(text)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_citation_that_leads_nowhere_is_seen():
    for lost in (
        "trust.md section 8",
        "design.md section 2",
        "links.md 5",
        "links.md",
        "docs/nothing.md",
        "links.md sections 1 and 99",
        "tasks.md\n# section 11",
        "protocol.md section 3",
    ):
        assert list(lost_citations(f"({lost})")), lost
    there = "links.md section 5, docs/design/tasks.md sections 1, 2 and 7, docs/tasks.md, README.md"
    assert not list(lost_citations(there))
    assert list(cited_at_run_time('raise ValueError(f"{1} is wrong: links.md section 5")'))
    assert not list(cited_at_run_time('"""links.md section 5"""\nx = 1\n"""tasks.md section 1"""'))


def test_the_checks_see_what_is_missing():
    assert absent(["busy", "nothing_like_it"], {"busy"}) == ["nothing_like_it"]
    assert list(wrong_imports(Block("x:1", "python", "from chatixia import Nothing")))
    match = FENCE.search("x\n```python run\na = 1\n```\n")
    assert match and match[2] == "python run" and match[3] == "a = 1\n"
    assert anchor("`busy`: Too much, at once") == "busy-too-much-at-once"
