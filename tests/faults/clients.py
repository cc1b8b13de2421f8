"""Faults that a client in another language sees: an agent in Node, and a program in Go."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .breaks import Fault, always, value

MATRIX = "tests/acceptance/test_matrix.py::test_every_kind_of_agent_gives_every_other_the_same"
GUIDE = "tests/acceptance/test_node_guide.py"
NODE = "tests/interop/test_node_client.py"
GO = "tests/interop/test_go_client.py"
GO_SHORT = f"{GO}::test_it_is_short_and_imports_nothing_but_the_standard_library"
BUILDS = "tests.interop.node_client"
OWN = f"{NODE}::test_its_own_tests_pass_and_its_lines_are_commands"
SMALL = f"{NODE}::test_it_is_small"
SELDOM = f"{NODE}::test_what_is_seldom_used_is_loaded_only_then"
HATCH = "hatchling.builders.plugin.interface:BuilderInterface.recurse_included_files"
WHEEL = "tests/test_repo.py::test_the_wheel_holds_the_package_and_nothing_else"


def forgetful(original: Any) -> Any:
    """Lose what an error says beside its code and sentence."""

    def from_wire(error: Any) -> Any:
        from chatixia.errors import WireError

        return original(WireError(error.code, error.message))

    return from_wire


def every_other(original: Any) -> Any:
    """Pass on no item with an odd number."""

    def item(self: Any, line: Any) -> None:
        if bytes(line.payload.item) in (b"1", b"3", b"5"):
            self._runner.done(line.id)
        else:
            original(self, line)

    return item


def unnamed(original: Any) -> Any:
    """Give an artifact no name."""

    def one(self: Any, feed: Any) -> Any:
        file = original(self, feed)
        file.name = ""
        return file

    return one


def late(original: Any) -> Any:
    """Let a call have more time than it was given."""

    def outgoing(self: Any, target: str, options: Any, *rest: Any) -> Any:
        made = original(self, target, options, *rest)
        made.timeout += 8
        return made

    return outgoing


def deaf(original: Any) -> Any:
    """Cancel nothing."""
    return lambda self, number: None


def eloquent(original: Any) -> Any:
    """Say the sentence of an error otherwise."""
    return "There is nothing."


def broken(file: str, old: str, new: str) -> dict[str, Callable[[Any], Any]]:
    """Where the tests of the Node client find its source, and where they build it: copies of this
    run, in which ``file`` says ``new`` instead of ``old``."""

    def source(original: Path) -> Path:
        copied = _place() / "source"
        shutil.copytree(original, copied)
        text = (copied / file).read_text()
        assert old in text, f"{file} does not say {old!r}"
        (copied / file).write_text(text.replace(old, new))
        return copied

    def target(original: Path) -> Path:
        built = _place() / "built"
        built.mkdir()
        if (original / "node_modules").is_dir():
            (built / "node_modules").symlink_to(original / "node_modules")
        return built

    return {f"{BUILDS}:SOURCE": source, f"{BUILDS}:BUILT": target}


def _place() -> Path:
    folder = tempfile.mkdtemp(prefix="chatixia-fault-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def littered(original: Any) -> Any:
    """Put a file more into the wheel."""

    def files(self: Any) -> Any:
        from hatchling.builders.plugin.interface import IncludedFile

        yield from original(self)
        page = Path(self.root) / "CHANGELOG.md"
        yield IncludedFile(str(page), page.name, f"tests/{page.name}")

    return files


def plundered(original: Any) -> Any:
    """Leave the schemas out of the wheel."""
    return lambda self: (one for one in original(self) if not one.path.endswith(".sql"))


def wordy(original: Any) -> Any:
    """Let the program in Go be a line too long."""

    def read_text(self: Any, *args: Any, **kwargs: Any) -> str:
        text = original(self, *args, **kwargs)
        return text + "// more\n" * 12 if self.name == "main.go" else text

    return read_text


def borrowing(original: Any) -> Any:
    """Let the program in Go import what is not of its standard library."""

    def read_text(self: Any, *args: Any, **kwargs: Any) -> str:
        text = original(self, *args, **kwargs)
        return text.replace('"sync"', '"example.org/sync"') if self.name == "main.go" else text

    return read_text


FAULTS: list[Fault] = [
    Fault(
        "client-error-facts",
        "an error is the same in each kind of agent: class, retryable, outcome",
        {"chatixia.sidecar.answers:from_wire": forgetful},
        (MATRIX,),
    ),
    Fault(
        "client-items-lost",
        "a stream has all its items, whoever sends them",
        {"chatixia.sidecar.answers:RequestAnswers.item": every_other},
        (MATRIX, f"{GO}::test_the_page_is_enough_for_a_program_in_another_language"),
    ),
    Fault(
        "client-artifact-unnamed",
        "an artifact arrives with its name",
        {"chatixia.sidecar.references:ReferenceTable._one": unnamed},
        (MATRIX,),
    ),
    Fault(
        "client-cancel-lost",
        "a program's cancel reaches the far skill",
        {"chatixia.sidecar.runner:CommandRunner.cancel": deaf},
        (MATRIX, f"{GO}::test_the_page_is_enough_for_a_program_in_another_language"),
    ),
    Fault(
        "client-deadline-late",
        "a program's deadline is the call's",
        {"chatixia.sidecar.commands:MeshCommands._outgoing": late},
        (MATRIX,),
    ),
    Fault(
        "client-other-sentence",
        "the Node client's errors are ours, sentence by sentence",
        {"chatixia.errors:NotFound.sentence": eloquent},
        (f"{NODE}::test_its_errors_are_written_from_ours", f"{NODE}::test_its_errors_are_ours"),
    ),
    Fault(
        "client-other-bounds",
        "the Node client keeps the bounds of the socket",
        {"chatixia.wire.ipc:ITEM_COST": value(32)},
        (f"{NODE}::test_its_bounds_are_those_of_the_socket",),
    ),
    Fault(
        "client-other-version",
        "what npm packs has our version",
        {"chatixia:__version__": value("9.9.9")},
        (f"{NODE}::test_what_is_packed_is_what_a_program_needs_and_nothing_else",),
    ),
    Fault(
        "client-files-kept",
        "what a program lent leaves the sidecar's folder again",
        {"chatixia.assembly.remote.sidecar_port:remove": always(None)},
        ("tests/assembly/remote/test_sidecar_port.py::test_an_artifact_comes_and_goes_as_a_file",),
    ),
    Fault(
        "client-unserved",
        "an agent in Node answers as its page shows",
        {"chatixia.sidecar.requests:RequestTable.serve": always(None)},
        (f"{GUIDE}::test_its_terminals_are_as_they_are_printed",),
    ),
    Fault(
        "node-unsaid",
        "an agent in Node that finds no sidecar says so",
        broken("src/sidecar.ts", "No sidecar answers at", "Nobody is at"),
        (f"{GUIDE}::test_where_no_sidecar_is_the_example_ends_with_a_sentence",),
    ),
    Fault(
        "node-cancel-untold",
        "a call that a program in Node leaves is canceled",
        broken("src/commands.ts", "    cancel(id);\n", "    void cancel;\n"),
        (OWN,),
    ),
    Fault(
        "node-arguments-unchecked",
        "a skill in Node gets no arguments that its schema refuses",
        broken("src/serve.ts", "if (skill.parameters) {", "if (false as boolean) {"),
        (OWN,),
    ),
    Fault(
        "node-untyped",
        "a program in TypeScript knows what a skill takes",
        broken("src/handle.ts", "args?: Args<S[K]>", "args?: object"),
        (f"{NODE}::test_a_program_knows_its_types",),
    ),
    Fault(
        "node-all-at-once",
        "what is seldom used is not loaded with the main entry",
        broken(
            "src/index.ts",
            "export { connect",
            'export { Artifact } from "./artifact.js";\nexport { connect',
        ),
        (SMALL, SELDOM),
    ),
    Fault(
        "node-unspoken",
        "an error without a message says its sentence where a program wants that",
        broken("src/sentences.ts", ").sentence = sentence", ").sentence = code"),
        (f"{NODE}::test_its_errors_are_ours",),
    ),
    Fault(
        "node-packs-more",
        "npm packs what a program needs and nothing else",
        broken("package.json", '"files": ["dist"]', '"files": ["dist", "src"]'),
        (f"{NODE}::test_what_is_packed_is_what_a_program_needs_and_nothing_else",),
    ),
    Fault(
        "node-unpinned",
        "what builds the Node client is pinned by hash",
        broken("package-lock.json", '"integrity": "sha512-', '"integrity": "sha1-'),
        (f"{NODE}::test_what_builds_it_is_pinned_by_hash_and_names_no_host",),
    ),
    Fault(
        "node-skipped-silently",
        "where Node is not there a sentence says which tests are skipped",
        {f"{BUILDS}:unable": always("")},
        (f"{NODE}::test_without_node_a_sentence_says_what_is_skipped",),
    ),
    Fault("wheel-littered", "the wheel holds nothing else", {HATCH: littered}, (WHEEL,)),
    Fault("wheel-plundered", "the wheel holds all of the package", {HATCH: plundered}, (WHEEL,)),
    Fault(
        "go-client-long",
        "a short program proves the page of the socket",
        {"pathlib:Path.read_text": wordy},
        (GO_SHORT,),
    ),
    Fault(
        "go-client-borrows",
        "a program of the standard library alone proves the page of the socket",
        {"pathlib:Path.read_text": borrowing},
        (GO_SHORT,),
    ),
]
