"""Faults that a client in another language sees: an agent in Node, and a program in Go."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always, value

MATRIX = "tests/acceptance/test_matrix.py::test_every_kind_of_agent_gives_every_other_the_same"
GUIDE = "tests/acceptance/test_node_guide.py"
NODE = "tests/interop/test_node_client.py"
GO = "tests/interop/test_go_client.py"


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
]
