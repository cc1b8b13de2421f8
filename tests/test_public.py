"""The public names: each exists, is loaded at first use only, says what it is, and has its type."""

import ast
import importlib
import pathlib
import re
import subprocess
import sys

import pytest
from mypy import api

import chatixia

ROOT = pathlib.Path(__file__).parents[1]
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


def test_every_error_is_public():
    errors = importlib.import_module("chatixia.errors")
    for kind in (errors.MeshError, *errors.TABLE.values()):
        assert getattr(chatixia, kind.__name__) is kind


def typed_names() -> dict[str, str]:
    """name -> module, as the imports for type checkers in the package's own file say it."""
    tree = ast.parse(pathlib.Path(str(chatixia.__file__)).read_text(encoding="utf-8"))
    (guarded,) = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    return {
        str(alias.asname): f"{node.module}"
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == alias.asname  # else it is no re-export
    }


def test_what_type_checkers_see_is_what_there_is():
    assert typed_names() == chatixia._PUBLIC  # type: ignore[attr-defined]


PROGRAM = """
import chatixia
from chatixia import Agent, Ctx, Reply, RegistryUnreachable, SyncMesh, Task, connect, connect_sync

agent = Agent("x")

@agent.skill
async def bare(city: str, days: int = 3) -> float: return 1.0

@agent.skill(timeout=5, idempotent=True)
def with_options(city: str, ctx: Ctx) -> list[str]: return []

@agent.prompt
async def reply(text: str) -> str: return text

async def main() -> None:
    async with connect() as mesh:
        reveal_type(mesh)
        reveal_type(await mesh.agent("a").call("b"))
        reveal_type(await mesh.submit("a", "b"))
with connect_sync() as sync_mesh:
    reveal_type(sync_mesh)

reveal_type(Agent)
reveal_type(Ctx)
reveal_type(connect)
reveal_type(bare)
reveal_type(with_options)
reveal_type(reply)
from chatixia import Agnt
chatixia.nothing
with_options(1, ctx=agent)
"""
SEEN = [
    "chatixia.client.mesh.Mesh",
    "chatixia.client.reply.Reply",
    "chatixia.client.task.Task",
    "chatixia.client.sync.SyncMesh",
    "def (name: str, description: str =, *, builtin: typing.Iterable[str] =,",
    "-> chatixia.agent.context.Ctx",
    "-> chatixia.assembly.connect.Connecting",
    "def (city: str, days: int =) -> typing.Coroutine[Any, Any, float]",
    "def (city: str, ctx: chatixia.agent.context.Ctx) -> list[str]",
    "def (text: str) -> typing.Coroutine[Any, Any, str]",
]
REFUSED = ["Agnt", "nothing", "arg-type", "arg-type"]


@pytest.mark.timeout(900)  # a checker reads the whole package at its first run
def test_a_type_checker_knows_what_each_name_is(tmp_path: pathlib.Path):
    """Checked as a user's project is: strict, by what is installed, without this one's settings."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    out, fault, _ = api.run(
        [
            "--strict",
            "--config-file=",
            "--python-version=3.11",
            f"--cache-dir={ROOT}/build/mypy-public",
            "--no-error-summary",
            str(program),
        ]
    )
    assert not fault
    notes = re.findall(r"Revealed type is \"(.*)\"", out)
    assert len(notes) == len(SEEN), out
    assert not [want for want, note in zip(SEEN, notes, strict=True) if want not in note], out
    errors = [line for line in out.splitlines() if ": error:" in line]
    assert len(errors) == len(REFUSED), out
    assert all(re.search(want, line) for want, line in zip(REFUSED, errors, strict=True)), out


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
