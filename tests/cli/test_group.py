"""The group loads a command when it is named, and only then."""

import subprocess
import sys

import click
import pytest

from chatixia.cli.failure import guarded
from chatixia.cli.group import COMMANDS, chatixia, load
from chatixia.cli.output import nearest


def test_help_lists_every_command_without_loading_one():
    code = (
        "import sys; from chatixia.cli.failure import guarded; "
        "from chatixia.cli.group import chatixia; guarded(chatixia, ['--help']); "
        "heavy = [m for m in sys.modules if m.startswith(('chatixia.', 'msgspec', 'asyncio'))]; "
        "print('LOADED', *heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout
    loaded = set(done.stdout.partition("LOADED")[2].split())
    assert loaded == {
        "chatixia.cli",
        "chatixia.cli.failure",
        "chatixia.cli.group",
        "chatixia.cli.output",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_each_entry_loads_the_command_of_its_name(name):
    command = load(name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name, capsys):
    assert guarded(chatixia, [name, "--help"]) == 0
    assert "Usage: chatixia" in capsys.readouterr().out


def test_an_unknown_command_names_the_nearest(capsys):
    assert guarded(chatixia, ["cal"]) == 2
    assert "Did you mean call?" in capsys.readouterr().err
    assert nearest("zzzzzz", COMMANDS) == ""


def test_no_words_print_the_help(capsys):
    assert guarded(chatixia, []) == 0
    assert "Everyday:" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option, capsys):
    assert guarded(chatixia, [option]) == 0
    assert capsys.readouterr().out == "chatixia 0.1.0\n"


@pytest.mark.parametrize("words", [["--version", "--json"], ["--json", "-V"]])
def test_version_as_an_object(words, capsys):
    assert guarded(chatixia, words) == 0
    assert capsys.readouterr().out == '{"v":1,"kind":"version","version":"0.1.0"}\n'


@pytest.mark.parametrize("words", [["--json"], ["--json", "agents"]])
def test_json_stands_behind_a_command(words, capsys):
    assert guarded(chatixia, words) == 2
    out, err = capsys.readouterr()
    assert "chatixia agents --json" in err and '"bad_request"' in out


def test_an_unknown_option_is_a_usage_error(capsys):
    assert guarded(chatixia, ["--nothing"]) == 2
    assert guarded(chatixia, ["init", "--nothing"]) == 2
    assert capsys.readouterr().err.count("error  ") == 2
