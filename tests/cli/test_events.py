"""A line for each event, and the sum of all."""

import pytest

from chatixia.cli.common import Console
from chatixia.cli.events import EventPrinter, Tally, line, money
from chatixia.wire.events import EVENT_KINDS, AgentEvent


@pytest.mark.parametrize("kind", sorted({*EVENT_KINDS} - {"usage"}))
def test_each_kind_has_a_line_within_the_width(kind: str):
    event = AgentEvent(kind, "1", "forecast", "weather", "x" * 500, model="a:b")
    assert line(event, 60).startswith("  ") and len(line(event, 60)) <= 60
    assert "\n" not in line(AgentEvent(kind, text="a\nb"), 80)


def test_what_is_not_known_has_no_line():
    assert line(AgentEvent("usage"), 80) == line(AgentEvent("dreaming"), 80) == ""


def test_a_retry_names_its_model_once():
    told = line(AgentEvent("retry", text="a:b did not answer (429).", model="a:b"), 80)
    assert told.split() == ["retry", "a:b", "did", "not", "answer", "(429)."]
    assert "a:b it" in line(AgentEvent("retry", text="it broke off.", model="a:b"), 80)


def test_a_tally_counts_tools_tokens_and_money():
    tally = Tally()
    for event in (
        AgentEvent("tool_began"),
        AgentEvent("tool_began"),
        AgentEvent("usage", input_tokens=10, output_tokens=5, cost=1.5),
        AgentEvent("usage", input_tokens=1, estimated=True),
    ):
        tally.add(event)
    assert (
        tally.footer("a", "direct", 1234.0) == "  a, direct, about 16 tokens, $1.50, 2 tools, 1.2 s"
    )
    assert tally.fields["input_tokens"] == 11


def test_a_footer_says_only_what_there_was():
    assert Tally().footer("a", "queue, plain", 5.0) == "  a, queue, plain"


def test_money_is_exact_where_it_is_little():
    assert (money(0.00214), money(12.3)) == ("$0.0021", "$12.30")


def test_events_are_dim_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    EventPrinter(Console(False, False, 0, "")).show(AgentEvent("thinking", text="hm"))
    assert capsys.readouterr().err == "\x1b[2m  thinking  hm\n\x1b[0m"
    EventPrinter(Console(False, True, 0, "")).show(AgentEvent("thinking", text="hm"))
    assert capsys.readouterr().err == ""
