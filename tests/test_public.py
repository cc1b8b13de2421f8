"""The public names: each exists, is loaded at first use only, and says what it is."""

import importlib
import subprocess
import sys

import pytest

import chatixia

HEAVY = {"wrtc", "aiortc", "starlette", "uvicorn", "cryptography", "joserfc", "sqlite3", "av"}


@pytest.mark.parametrize("name", chatixia.__all__)
def test_each_public_name_loads(name: str):
    thing = getattr(chatixia, name)
    assert thing.__doc__
    assert getattr(chatixia, name) is thing
    assert name in dir(chatixia)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = chatixia.nothing  # type: ignore[attr-defined]


def test_every_error_of_api_md_is_public():
    errors = importlib.import_module("chatixia.errors")
    for name in (
        "MeshError DeadlineExceeded Unreachable UnknownAgent UnknownSkill BadArguments"
        " TooLarge SkillFailed Denied Overloaded Cancelled"
    ).split():
        assert getattr(chatixia, name) is getattr(errors, name)


def loaded(code: str) -> set[str]:
    """The top-level modules and chatixia's own that a fresh process holds after `code`."""
    show = code + "\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_loads_nothing():
    assert not [name for name in loaded("import chatixia") if name.startswith("chatixia.")]


def test_an_agent_is_made_without_engine_server_or_keys():
    assert not loaded("import chatixia; chatixia.Agent('x')") & HEAVY


def test_the_version_is_the_installed_one():
    from importlib.metadata import version

    assert version("chatixia-mesh") == chatixia.__version__
