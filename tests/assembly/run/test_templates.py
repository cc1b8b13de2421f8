"""Each template's sample computes for real; the forecast always gives the same sample."""

import asyncio
import re
import sys
import types

import pytest
import yaml

from chatixia.agent.model.endpoints import VARIABLES
from chatixia.assembly.run.scaffold import contents
from chatixia.assembly.run.templates import ENVIRONMENT, TEMPLATES


@pytest.mark.parametrize("provider", VARIABLES)
def test_the_example_of_an_environment_names_what_a_provider_needs(provider):
    needs = VARIABLES[provider]
    wanted = [needs.key] * needs.needs_key + [needs.base_url] * needs.needs_url
    assert all(any(f"# {name}=" in ENVIRONMENT for name in names) for names in wanted)


class Stub:
    """Stands in for Agent, so that a template's functions can be called as plain ones."""

    def __init__(self, name, about):
        self.name, self.about = name, about

    def skill(self, function=None, **options):
        return function or (lambda inner: inner)


def load(role: str, monkeypatch) -> dict:
    package = types.ModuleType("chatixia")
    package.Agent, package.Ctx = Stub, object
    package.NotFound, package.TooLarge = LookupError, OverflowError
    monkeypatch.setitem(sys.modules, "chatixia", package)
    space: dict = {"__name__": "sample"}
    module = types.ModuleType("sample")
    monkeypatch.setitem(sys.modules, "sample", module)
    exec(contents("weather", role)["agent.py"], module.__dict__)
    return space | vars(module)


@pytest.mark.parametrize("role", TEMPLATES)
def test_files_agree(role, monkeypatch):
    files = contents("weather", role)
    manifest = yaml.safe_load(files["agent.yaml"])
    agent = load(role, monkeypatch)["agent"]
    assert (agent.name, agent.about) == (manifest["name"], manifest["description"])
    assert not re.search(r"\$\w", "".join(files.values()))
    assert all(text.endswith("\n") for text in files.values())


def test_the_forecast_is_a_sample_and_says_so(monkeypatch):
    files = contents("weather", "worker")
    assert all("sample" in files[name] for name in ("agent.py", "agent.yaml", "AGENT.md"))
    forecast = load("worker", monkeypatch)["forecast"]
    first, again = (asyncio.run(forecast(city=c, days=2)) for c in ("Oslo", "oslo "))
    assert (first.city, first.days) == ("Oslo", 2)
    assert first.high_c == again.high_c
    assert isinstance(first.high_c, float)
    assert asyncio.run(forecast("Rome")).high_c != first.high_c
    assert "sample" in forecast.__doc__.lower()


def test_the_other_roles_compute(monkeypatch):
    count = load("analyst", monkeypatch)["count"]
    assert asyncio.run(count("a b A", 1)) == {"a": 2}
    find = load("researcher", monkeypatch)["find"]
    assert asyncio.run(find("One cat. A dog! Cat two?", "cat")) == ["One cat.", "Cat two?"]


def test_a_bridge_reads_from_what_it_names_and_nothing_else(monkeypatch, tmp_path):
    module = load("bridge", monkeypatch)
    page = tmp_path / "page"
    page.write_text("hello")
    assert asyncio.run(module["services"]()) == []
    with pytest.raises(LookupError):
        module["read"]("file")
    module["SERVICES"]["page"] = page.as_uri()
    assert module["read"]("page") == "hello"
    monkeypatch.setitem(module["read"].__globals__, "MOST", 3)
    with pytest.raises(OverflowError):
        module["read"]("page")


@pytest.mark.parametrize("role", TEMPLATES)
def test_the_manifest_gives_it_a_model_and_names_this_machine(role):
    files = contents("weather", role, "laptop")
    manifest = yaml.safe_load(files["agent.yaml"])
    assert "${agent}" in manifest["prompt"] and manifest["callers"] == ["laptop"]
    assert "callers" not in yaml.safe_load(contents("weather", role)["agent.yaml"])
