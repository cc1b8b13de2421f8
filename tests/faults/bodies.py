"""Planted faults of what a body may do to others. Loaded as ``faults.py`` is."""

from __future__ import annotations

from typing import Any

from .breaks import Fault, always


def closing(original: Any) -> Any:
    """Close the path for a frame that cannot be read, as if its numbers could not be either."""

    def broken(data: bytes) -> Any:
        from chatixia.errors import BadRequest

        raise BadRequest("A frame's numbers cannot be read.")

    return broken


def strict(original: Any) -> Any:
    """Hand an error over as it is, with whatever was put into it."""

    def to_wire(self: Any) -> Any:
        from chatixia.errors import WireError

        return WireError(
            self.code, self.message, self.retryable, self.outcome, self.agent, self.via
        )

    return to_wire


def many_threads(original: Any) -> Any:
    """Make each item of a plain generator in whatever thread is new, with a context of its own."""

    def items(self: Any, make: Any, holder: str) -> Any:
        import asyncio

        async def stepped() -> Any:
            steps = iter(make())
            while (item := await asyncio.to_thread(next, steps, steps)) is not steps:
                yield item

        return stepped()

    return items


FAULTS: list[Fault] = [
    Fault(
        "bad-body-breaks-link",
        "one bad body harms one call",
        {"chatixia.core.frames:_read_header": closing},
        (
            "tests/core/test_unread.py::test_a_frame_that_cannot_be_read_ends_the_calls_in_it_and_no_other",
            "tests/core/test_unread.py::test_an_answer_that_cannot_be_read_ends_its_call_at_both_ends",
        ),
    ),
    Fault(
        "unread-goes-again",
        "who sent what cannot be read hears so",
        {"chatixia.core.unread:refused": always(None)},
        (
            "tests/core/test_unread.py::test_a_frame_that_cannot_be_read_ends_the_calls_in_it_and_no_other",
        ),
    ),
    Fault(
        "bottomless",
        "a value is at most 100 deep, and the sender says so",
        {"chatixia.wire.values:too_deep": always(False)},
        (
            "tests/client/test_value.py::test_a_hundred_levels_travel_and_one_more_is_refused_where_it_is_sent",
            "tests/wire/test_values.py::test_the_bound_is_a_hundred_in_every_kind_of_bracket",
        ),
    ),
    Fault(
        "raw-unread",
        "raw JSON is read where it enters",
        {"chatixia.client.value:flaw": always("")},
        ("tests/client/test_value.py::test_raw_json_is_read_before_it_is_sent",),
    ),
    Fault(
        "error-untold",
        "an error is told whatever is in it",
        {"chatixia.errors:MeshError.to_wire": strict},
        ("tests/test_errors.py::test_what_is_odd_is_still_told",),
    ),
    Fault(
        "generator-wanders",
        "a plain generator has one thread and one context for its life",
        {"chatixia.agent.generator_threads:GeneratorThreads.items": many_threads},
        (
            "tests/agent/test_generator_threads.py::test_what_belongs_to_a_thread_or_a_context_lives_through_the_items",
        ),
    ),
]
