"""Joining prints the two rows of the transcript, and says what is wrong with a string."""

import re

import pytest


@pytest.fixture
def there(tmp_path, monkeypatch):
    """Be another machine from now on."""
    return lambda: monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "there"))


def test_the_rows(registry, type_, there):
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    there()
    done = type_("join", string)
    assert done.code == 0
    first, second = done.err.splitlines()
    assert re.match(
        r"  registry  127\.0\.0\.1:\d+ +key ([0-9a-f]{4}-){3}[0-9a-f]{4} matches the inv", first
    )
    assert re.match(
        r"  joined    mesh home as pi +agents started here need no further code", second
    )


def test_by_the_environment(registry, type_, there, monkeypatch):
    monkeypatch.setenv("CHATIXIA_JOIN", type_("invite", "pi", "--no-wait", "--json").json["join"])
    there()
    assert type_("join", "--json").json["machine"] == "pi"


def test_twice(registry, type_, there, tmp_path, monkeypatch):
    string = type_("invite", "pi", "--no-wait", "--json").json["join"]
    there()
    assert type_("join", string).code == 0
    monkeypatch.setenv("CHATIXIA_HOME", str(tmp_path / "third"))
    done = type_("join", string)
    assert (done.code, done.err.count("\n")) == (4, 1)


@pytest.mark.parametrize("string", ["nonsense", "127.0.0.1:1#abc", ""])
def test_a_string_that_is_none(home, type_, string):
    done = type_("join", string)
    assert done.code == 2
    assert done.err.count("\n") == 1
