"""Manifests are checked, and what is wrong is named."""

import pytest


def test_a_scaffold_is_valid(tmp_path, monkeypatch, type_):
    monkeypatch.chdir(tmp_path)
    type_("init", "weather")
    done = type_("validate", "weather")
    assert done.code == 0
    assert "weather" in done.out
    assert type_("validate", "weather", "--json").json["notes"] == []


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
    (tmp_path / "agent.yaml").write_text("name: weather\nmax_turns: 3\n")
    done = type_("validate", str(tmp_path))
    assert (done.code, "max_turns is not used yet" in done.err) == (0, True)


def test_a_missing_one(tmp_path, type_):
    assert type_("validate", str(tmp_path / "none")).code == 2
