"""The shapes of the transcript, one by one."""

import json
import os
import shlex
import sys

import pytest

from chatixia.cli import output


def test_rows_stand_in_columns():
    lines = [
        ("registry", "http://127.0.0.1:8080", "this machine only"),
        ("hub", "run `chatixia hub`", "opens it"),
        ("next", "chatixia init weather; chatixia run weather", ""),
        ("stun", "", ""),
    ]
    assert output.rows(lines).splitlines() == [
        "  registry  http://127.0.0.1:8080  this machine only",
        "  hub       run `chatixia hub`     opens it",
        "  next      chatixia init weather; chatixia run weather",
    ]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (("weather", "direct", 9.2), "  weather, direct, 9 ms"),
        (("weather", "direct", 9.2, "127.0.0.1:4", 3.0), "  weather, direct, 9 ms"),
        (
            ("weather", "direct", 41, "192.168.1.20:51", 12.4),
            "  weather, direct (192.168.1.20), 41 ms, link opened in 12 ms",
        ),
        (("weather", "queue, plain", 0.44), "  weather, queue, plain, 0.4 ms"),
        (("weather", "queue, plain", 999.4), "  weather, queue, plain, 999 ms"),
        (("weather", "queue, plain", 61_234), "  weather, queue, plain, 61.2 s"),
        (("weather", "queue, plain", 360_000), "  weather, queue, plain, 360 s"),
        (
            ("weather", "queue, plain", 12, "", None, "no direct path: it is not online"),
            "  weather, queue, plain, 12 ms; no direct path: it is not online",
        ),
        (
            ("weather", "queue, plain", 5_412, "", None, "no direct path: no answer over UDP", 5e3),
            "  weather, queue, plain, 5.4 s; no direct path: no answer over UDP, tried for 5.0 s",
        ),
    ],
)
def test_how_a_call_was_carried(given, line):
    assert output.carried(*given) == line


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (12_345, "12.3 kB"), (240_000_000, "240 MB"), (10**9, "1.0 GB")],
)
def test_size(count, text):
    assert output.size(count) == text


def test_pong():
    assert (
        output.pong("direct", 24, "84.20.1.9:51234") == "  pong  direct   24 ms   (84.20.1.9:51234)"
    )
    assert output.pong("relay", 63, "") == "  pong  relay    63 ms"


def test_a_links_round_trip():
    assert [output.round_trip(ms) for ms in (None, 0.0, 0.4, 1.0, 12.3)] == [
        "-",
        "under 1 ms",
        "under 1 ms",
        "1 ms",
        "12 ms",
    ]


def test_online():
    line = output.online("weather", ["forecast"], "7f3a-91c2", "home", "http://127.0.0.1:8080")
    assert line == (
        "  weather  online  skills: forecast  key 7f3a-91c2  registry home (127.0.0.1:8080)"
    )


def test_a_document_is_versioned():
    assert json.loads(output.document("call", {"value": 1})) == {"v": 1, "kind": "call", "value": 1}


def test_values():
    assert output.value({"city": "Oslo", "days": 2}) == '{"city":"Oslo","days":2}'
    assert output.value("text\nof two lines") == "text\nof two lines"
    assert output.value(None) == "null"


def test_a_foreign_text_cannot_steer_the_terminal():
    assert "\x1b" not in output.value("\x1b]0;title\x07 \x9b31m")
    assert "\x1b" not in output.table(["a"], [["\x1b[2J"]])
    assert output.table(["a"], [["x\n  forged  active"]]).count("\n") == 1
    assert "\u202e" not in output.value("\u202etxt.exe")


def test_a_table_is_as_wide_as_its_cells():
    assert output.table(["agent", "health"], [["weather", "active"], ["a", "offline"]]) == (
        "  agent    health\n  weather  active\n  a        offline"
    )


@pytest.mark.parametrize(
    ("where", "host"),
    [("1.2.3.4:5", "1.2.3.4"), ("[fe80::1]:5", "fe80::1"), ("fe80::1", "fe80::1"), ("pi", "pi")],
)
def test_host(where, host):
    assert output.host(where) == host


def test_since():
    assert [output.since(s) for s in (0, 59, 61, 7200, 200_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "2 h",
        "2 d",
    ]


def test_home_is_short(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert output.home("/home/ada/x") == "~/x"
    assert output.home("/home/adam") == "/home/adam"


def test_no_color(monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert output.coloured(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not output.coloured(Terminal())


HOSTILE = "a\r\nb\x1b[31mc\x9b0m é"


def test_a_pipe_gets_every_byte(capfdbinary):
    output.emit(HOSTILE)
    output.emit("x", "")
    assert capfdbinary.readouterr().out == f"{HOSTILE}\nx".encode()


def test_a_terminal_is_not_steered(monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    output.emit(HOSTILE)
    said = capsys.readouterr().out
    assert not {"\r", "\x1b", "\x9b"} & set(said)
    assert said.endswith(" é\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("192.168.1.20:8443,laptop.local:8443#cq", "192.168.1.20:8443,laptop.local:8443#cq"),
        ("[fd00::2]:8443#cq", '"[fd00::2]:8443#cq"'),
        ("a b", '"a b"'),
        ("a$b", "'a$b'"),
        ("", '""'),
    ],
)
def test_a_word_of_a_command_is_quoted_if_need_be(text, shown):
    assert output.word(text) == shown
    assert shlex.split(shown) == [text]


def test_a_terminal_is_painted_over(monkeypatch, capsys):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((10, 5)))
    output.repaint("one\n\x1b[31mtwo and more")
    assert capsys.readouterr().out == "\x1b[Hone\x1b[K\n�[31mtwo a\x1b[K\n\x1b[J"
    output.repaint("\n".join("abcdefgh"))
    shown = capsys.readouterr().out
    assert shown.count("\n") == 4 and "... 5 m" in shown
    output.repaint("")
    assert capsys.readouterr().out == "\x1b[H\x1b[J"


def test_the_name_itself_is_no_hint():
    assert output.nearest("foo", ["foo", "foo-1"]) == " Did you mean foo-1?"
    assert output.nearest("foo", ["foo"]) == ""
