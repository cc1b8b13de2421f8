"""`sidecar` is refused in one sentence where no agent is named."""

from __future__ import annotations


def test_it_needs_an_agent(type_, home, monkeypatch):
    monkeypatch.delenv("CHATIXIA_AGENT_ID", raising=False)
    done = type_("sidecar")
    assert done.code == 2
    assert "needs its agent's name" in done.err


def test_its_folder_is_there_or_not(type_, home, tmp_path):
    done = type_("sidecar", str(tmp_path / "none"))
    assert (done.code, done.err.count("\n")) == (2, 1)


def test_run_behind_a_sidecar_needs_a_name_too(type_, home, tmp_path, monkeypatch):
    monkeypatch.delenv("CHATIXIA_AGENT_ID", raising=False)
    monkeypatch.delenv("CHATIXIA_SOCKET", raising=False)
    (tmp_path / "agent.py").write_text("")
    done = type_("run", "--sidecar", str(tmp_path / "agent.py"))
    assert (done.code, "needs its agent's name" in done.err) == (2, True)
