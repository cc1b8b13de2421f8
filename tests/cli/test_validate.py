"""Manifests are checked, and what is wrong is named."""

import json

import pytest

from chatixia.assembly.profile.profile import Profile


def test_a_scaffold_is_valid(tmp_path, monkeypatch, type_, home):
    monkeypatch.chdir(tmp_path)
    type_("init", "weather")
    done = type_("validate", "weather")
    assert done.code == 0
    assert "weather" in done.out
    assert "skills" in done.out
    assert "forecast" in done.out
    (note,) = type_("validate", "weather", "--json").json["notes"]
    assert "`chatixia join`" in note


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name: weather\nnmae: x\n", "name"),
        ("description: x\n", "name"),
        ("name: No Good\n", "cannot name an agent"),
        ("name: weather\nprovider: nobody\n", "provider"),
        ("name: [", "YAML"),
    ],
)
def test_mistakes(tmp_path, type_, text, word):
    (tmp_path / "agent.yaml").write_text(text)
    done = type_("validate", str(tmp_path))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert word in done.err


def test_what_does_nothing_yet_is_said(tmp_path, type_):
    (tmp_path / "agent.yaml").write_text("name: weather\nsidecar: {binary: x}\n")
    done = type_("validate", str(tmp_path))
    assert (done.code, "sidecar.binary changes nothing" in done.err) == (0, True)


def test_a_missing_one(tmp_path, type_):
    assert type_("validate", str(tmp_path / "none")).code == 2


@pytest.mark.parametrize(
    ("manifest", "code", "words"),
    [
        ("skills: [delegat]", "", ("agent.yaml, line 2: skills.builtin", "did you mean delegate?")),
        (
            "skills: {disabled: [ones]}",
            "",
            ("yaml, line 2: skills.disabled", "did you mean one?"),
        ),
        ("skills: {dirs: [none]}", "", ("agent.yaml", "skills.dirs does not exist")),
        ("registry: here", "", ("agent.yaml, line 2: registry", "not an address")),
        ("registry: 'https://a b'", "", ("agent.yaml, line 2: registry", "not an address")),
        ("registry: 'https://a:99999'", "", ("agent.yaml, line 2: registry", "not an address")),
        ("registry: http://192.168.1.2:8080", "", ("agent.yaml, line 2: registry", "in clear")),
        ("mesh: Not Good", "", ("agent.yaml, line 2: mesh", "cannot name a mesh")),
        ("engine: steam", "", ("agent.yaml, line 2: engine", "use auto, wrtc or aiortc")),
        ("membership_ttl: banana", "", ("agent.yaml, line 2: membership_ttl", "90s, 5m")),
        ("", "import nowhere_at_all", ("agent.py cannot be loaded", "(line 6)")),
        ("", "@agent.skill\ndef one() -> None: ...", ("agent.py, line 6", "two skills called one")),
        ("", "@agent.skill\ndef two(*many: int) -> None: ...", ("agent.py, line 6", "*many")),
        ("", "@agent.prompt\ndef say() -> None: ...", ("@agent.prompt",)),
    ],
)
def test_what_run_refuses_is_named(tmp_path, type_, home, manifest, code, words):
    (tmp_path / "agent.yaml").write_text(f"name: weather\n{manifest}\n")
    head = "from chatixia import Agent\nagent = Agent('weather')\n@agent.skill\n"
    (tmp_path / "agent.py").write_text(f"{head}def one() -> int:\n    return 1\n{code}\n")
    done = type_("validate", str(tmp_path))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert all(word in done.err for word in words), done.err


def test_a_file_without_a_manifest(tmp_path, type_, home):
    (tmp_path / "two.py").write_text("from chatixia import Agent\na, b = Agent('a'), Agent('b')\n")
    done = type_("validate", str(tmp_path / "two.py"), "--json")
    assert [json.loads(line)["name"] for line in done.out.splitlines()] == ["a", "b"]


def test_the_machines_own_name(tmp_path, type_, home):
    Profile.create(home=home, machine="laptop")
    (tmp_path / "agent.yaml").write_text("name: laptop")
    done = type_("validate", str(tmp_path))
    assert done.code == 4
    assert "the name of this machine" in done.err


def test_every_mistake_is_an_error_with_its_line(tmp_path, type_, home):
    (tmp_path / "agent.yaml").write_text("name: weather\nnmae: x\nslots: many\n")
    done = type_("validate", str(tmp_path))
    first, second = done.err.splitlines()
    assert (done.code, "line 2: there is no key nmae" in first) == (2, True)
    assert "line 3: slots: Expected int" in second
    errors = type_("validate", str(tmp_path), "--json").out.splitlines()
    assert [json.loads(line)["error"]["code"] for line in errors] == ["bad_config"] * 2


def test_what_is_missing_here_is_a_warning_unless_strict(tmp_path, type_, home, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    (tmp_path / "agent.yaml").write_text("name: weather\nprovider: anthropic\n")
    done = type_("validate", str(tmp_path))
    assert (done.code, "warn" in done.err, "ANTHROPIC_API_KEY" in done.err) == (0, True, True)
    (finding,) = type_("validate", str(tmp_path), "--json").json["findings"]
    assert (finding["level"], finding["line"]) == ("warn", 2)
    assert type_("validate", str(tmp_path), "--strict").code == 2
