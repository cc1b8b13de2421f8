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
    (tmp_path / "agent.yaml").write_text("name: weather\nsidecar: {socket: x}\n")
    done = type_("validate", str(tmp_path))
    assert (done.code, "sidecar.socket is not used yet" in done.err) == (0, True)


def test_a_missing_one(tmp_path, type_):
    assert type_("validate", str(tmp_path / "none")).code == 2


@pytest.mark.parametrize(
    ("manifest", "code", "words"),
    [
        ("skills: [delegat]", "", ("agent.yaml: skills.builtin", "did you mean delegate?")),
        ("skills: {disabled: [ones]}", "", ("agent.yaml: skills.disabled", "did you mean one?")),
        ("skills: {dirs: [none]}", "", ("agent.yaml", "skills.dirs is not there")),
        ("registry: here", "", ("agent.yaml: registry", "not an address")),
        ("registry: 'https://a b'", "", ("agent.yaml: registry", "not an address")),
        ("registry: 'https://a:99999'", "", ("agent.yaml: registry", "not an address")),
        ("registry: http://192.168.1.2:8080", "", ("agent.yaml: registry", "in clear")),
        ("mesh: Not Good", "", ("agent.yaml: mesh", "cannot name a mesh")),
        ("engine: steam", "", ("agent.yaml: engine", "use auto, wrtc or aiortc")),
        ("membership_ttl: banana", "", ("agent.yaml: membership_ttl", "90s, 5m")),
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
