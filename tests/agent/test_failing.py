"""What the asker and the log are told of a skill that raised."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest

from chatixia.agent.failing import failure, report
from chatixia.client.value import Unwritable
from chatixia.errors import NotFound, SkillFailed, from_wire

SECRET = "sesame-in-the-text"


def caught(run: Callable[[], None]) -> Exception:
    with pytest.raises(ValueError) as found:
        run()
    return found.value


def broken() -> None:
    raise ValueError(SECRET)


def library() -> None:
    json.loads("{" + SECRET)


def test_a_group_of_many_is_its_own_kind():
    group = ExceptionGroup("many", [ValueError("x"), KeyError("y")])
    assert (
        failure("a", "s", group).message
        == "The skill s of a failed with ExceptionGroup; see the agent's log."
    )
    alone = ExceptionGroup("one", [ValueError("x")])
    assert failure("a", "s", alone).message == (
        "The skill s of a failed with ValueError; see the agent's log."
    )


def test_an_error_of_the_mesh_is_itself():
    error = NotFound("no such city")
    assert failure("a", "s", error) is error


class NoSuchCity(SkillFailed):
    """Of the skill's author."""


def test_what_the_author_raises_is_heard_by_class_and_message():
    told = failure("a", "s", SkillFailed("no such city"))
    assert (told.code, told.message) == ("skill_failed", "no such city")
    told = from_wire(failure("a", "s", NoSuchCity("Oslo, Norway?")).to_wire())
    assert (told.code, told.message) == ("skill_failed", "NoSuchCity: Oslo, Norway?")
    assert failure("b", "t", told).message == told.message  # one agent further, not said twice


def test_a_result_that_cannot_be_written_says_so():
    assert "cannot be sent" in failure("a", "s", Unwritable("a set cannot be written")).message


@pytest.mark.parametrize("run", [broken, library], ids=["raised here", "raised by a library"])
def test_the_log_names_the_line_of_the_skill_and_no_text(run, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "chatixia.agent"):
        failure("a", "s", caught(run))
    (record,) = caplog.records
    line = run.__code__.co_firstlineno + 1
    assert f"{__file__}:{line} in {run.__name__}; -vv" in record.getMessage()
    assert SECRET not in caplog.text


def test_the_operator_who_asks_sees_the_traceback(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG, "chatixia.agent"):
        report("s", caught(broken))
    assert SECRET in caplog.text and "Traceback" in caplog.text and "; -vv" not in caplog.text


def test_an_error_without_a_place(caplog: pytest.LogCaptureFixture):
    report("s", ValueError("x"))
    assert caplog.records[0].getMessage().startswith("s failed with ValueError")
