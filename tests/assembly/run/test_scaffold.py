"""What `init` writes, what it leaves alone, and what it refuses."""

import pytest

from chatixia.assembly.run.scaffold import name_for, scaffold
from chatixia.errors import ConfigError


def test_existing_files_stay(tmp_path):
    (tmp_path / "AGENT.md").write_text("mine")
    written = scaffold("weather", tmp_path)
    assert "AGENT.md" not in written
    assert (tmp_path / "AGENT.md").read_text() == "mine"


@pytest.mark.parametrize("name", ["agent.yaml", "agent.yml"])
def test_an_existing_manifest_is_a_refusal(tmp_path, name):
    (tmp_path / name).write_text("name: other\n")
    with pytest.raises(ConfigError, match="already exists"):
        scaffold("weather", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("name", "hint"), [("My Agent", "my-agent"), ("registry", "name"), ("", "name"), ("a/b", "a-b")]
)
def test_a_name_that_none_may_have(tmp_path, name, hint):
    with pytest.raises(ConfigError, match=hint):
        scaffold(name, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_an_unknown_role_names_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="use analyst"):
        scaffold("weather", tmp_path, "analist")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        scaffold("weather", tmp_path / "file" / "below")


def test_name_for(tmp_path):
    assert name_for(tmp_path / "Sensor") == "sensor"
    assert name_for(tmp_path / "no good") == "my-agent"


def test_a_full_disk_leaves_no_half_folder(tmp_path, monkeypatch):
    import errno
    import os

    from chatixia.assembly.run import scaffold as module

    real = module.write

    def full(path, text):
        if path.name == ".gitignore":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, text)

    (tmp_path / "AGENT.md").write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr(module, "write", full)
        with pytest.raises(ConfigError, match="No space left on device"):
            scaffold("hen", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["AGENT.md"]
    assert "agent.yaml" in scaffold("hen", tmp_path)
