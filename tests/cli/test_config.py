"""Each setting in force with its source."""


def found(done):
    return {row["setting"]: (row["value"], row["from"]) for row in done.json["settings"]}


def test_defaults_and_environment(home, type_, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHATIXIA_ENGINE", "aiortc")
    rows = found(type_("config", "--json"))
    assert rows["engine"] == ("aiortc", "environment CHATIXIA_ENGINE")
    assert rows["slots"] == ("8", "default")
    assert rows["description"] == (None, "default")
    assert not any(name.startswith("up.") for name in rows)


def test_manifest_and_registry(registry, type_, tmp_path):
    (tmp_path / "agent.yaml").write_text("name: weather\nslots: 3\n")
    rows = found(type_("config", str(tmp_path), "--json"))
    assert rows["slots"] == ("3", f"{tmp_path / 'agent.yaml'}, line 2")
    assert rows["registry"] == (registry.url, "profile")
    assert rows["up.port"] == (registry.url.rpartition(":")[2], "registry.yaml")
    assert rows["up.lan"] == ("no", "default")
