"""`chatixia init` writes a folder that runs."""

import json

from chatixia.assembly.profile.profile import Profile
from chatixia.cli.failure import guarded
from chatixia.cli.group import chatixia

FILES = ["agent.py", "agent.yaml", "AGENT.md", ".env.example", ".gitignore"]


def test_it_prints_what_it_wrote(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert guarded(chatixia, ["init", "weather"]) == 0
    assert capsys.readouterr().err == (
        "  weather/agent.py agent.yaml AGENT.md .env.example .gitignore\n"
    )
    assert sorted(p.name for p in (tmp_path / "weather").iterdir()) == sorted(FILES)


def test_in_place(tmp_path, monkeypatch, capsys):
    home = tmp_path / "sensor"
    home.mkdir()
    monkeypatch.chdir(home)
    assert guarded(chatixia, ["init", "-d", ".", "--role", "analyst", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["agent"], found["written"]) == ("sensor", FILES)
    assert (home / "agent.yaml").is_file()


def test_a_second_time_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    guarded(chatixia, ["init"])
    assert guarded(chatixia, ["init"]) == 2
    assert "my-agent/agent.yaml already exists" in capsys.readouterr().err


def test_the_machines_name_stands_in_callers(tmp_path, monkeypatch, type_, home):
    monkeypatch.chdir(tmp_path)
    type_("init", "alone", "--role", "bridge")
    assert "# callers: [NAME]" in (tmp_path / "alone" / "agent.yaml").read_text()
    Profile.create(home=home, machine="laptop")
    type_("init", "known", "--role", "researcher")
    assert "\ncallers: [laptop] " in (tmp_path / "known" / "agent.yaml").read_text()
    assert type_("validate", "known").code == 0
