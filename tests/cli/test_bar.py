"""The bar of a call that takes its time."""

from __future__ import annotations

import io

import pytest

from chatixia.cli.bar import Bar, line
from chatixia.cli.common import Console
from chatixia.client.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines():
    half = line(Progress(0.5, "merging"), 80)
    assert half == f"  [{'#' * 12}{'.' * 12}]   50 %  merging"
    assert line(Progress(None, "only a note"), 80) == "  only a note"
    assert line(Progress(0.0, ""), 80).endswith("  0 %")
    assert len(line(Progress(1.0, "x" * 500), 40)) == 40
    assert "\x1b" not in line(Progress(None, "\x1b[2J\nx"), 80)


@pytest.mark.parametrize(
    ("stream", "quiet", "as_json", "shown"),
    [
        (Terminal, False, False, True),
        (Terminal, True, False, False),
        (Terminal, False, True, False),
        (io.StringIO, False, False, False),
    ],
)
def test_only_a_person_at_a_terminal_sees_it(
    stream: type[io.StringIO],
    quiet: bool,
    as_json: bool,
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
):
    err = stream()
    monkeypatch.setattr("sys.stderr", err)
    with Bar(Console(as_json, quiet, 0, "")) as bar:
        bar.step(Progress(0.5, "merging"))
        assert ("50 %" in err.getvalue()) is shown
    assert err.getvalue().endswith("\r\x1b[K" if shown else "")
