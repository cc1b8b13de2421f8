"""An engine says what is missing before it imports anything, and starts nothing twice."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from chatixia.agent.model.engine import LibraryEngine
from chatixia.agent.model.words import ModelSpec
from chatixia.errors import ConfigError, MissingExtra, Unavailable
from tests.agent.model.runs import Run, scripted, steps


async def test_a_missing_key_is_one_sentence_that_names_the_variable():
    engine = LibraryEngine(ModelSpec("openai", "m"), {})
    with pytest.raises(ConfigError, match="set OPENAI_API_KEY"):
        await engine.warm()
    with pytest.raises(ConfigError, match="set OPENAI_API_KEY"):
        await Run().go(engine)
    await engine.close()


async def test_a_key_that_comes_later_is_taken():
    environment: dict[str, str] = {}
    engine = LibraryEngine(ModelSpec("openai", "m"), environment)
    with pytest.raises(ConfigError):
        await engine.warm()
    environment["OPENAI_API_KEY"] = "k"
    await engine.warm()
    assert [endpoint.title for endpoint in engine.endpoints()] == ["openai:m"]
    await engine.close()


async def test_a_library_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "chatixia.agent.model.library.pool", None)
    engine = LibraryEngine(ModelSpec("openai", "m"), {"OPENAI_API_KEY": "k"})
    with pytest.raises(MissingExtra, match=r"pip install '\.\[model\]'"):
        await engine.warm()
    await engine.close()


async def test_a_closed_engine_runs_nothing_and_leaves_no_thread():
    before = threading.active_count()
    engine = scripted(steps(["one"]))
    assert await Run().go(engine) == "one"
    await engine.close()
    with pytest.raises(Unavailable):
        await Run().go(engine)
    assert "chatixia-model" not in {thread.name for thread in threading.enumerate()}
    assert threading.active_count() <= before + 2  # those of to_thread stay


def test_the_library_is_imported_by_nobody_before_it_is_needed():
    code = (
        "import sys, chatixia.agent.model.engine, chatixia.testing;"
        "print([n for n in sys.modules if n.partition('.')[0] in"
        " ('pydantic_ai', 'openai', 'anthropic', 'genai_prices', 'pydantic', 'jsonschema_rs')])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


WARM = """
import asyncio, sys
from chatixia.agent.model.engine import LibraryEngine
from chatixia.agent.model.words import ModelSpec

async def main():
    engine = LibraryEngine(ModelSpec("openai", "m"), {"OPENAI_API_KEY": "k"})
    await engine.warm()
    await engine.close()

asyncio.run(main())
print("tiktoken" in sys.modules, "pydantic_ai" in sys.modules)
"""


def test_tables_of_tokens_are_never_loaded():
    """They would be fetched from a host."""
    done = subprocess.run([sys.executable, "-c", WARM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False True"


TALK = """
import asyncio, sys
from chatixia.agent.model.library import providers
import pydantic_ai
pydantic_ai.BANNER_ENABLED = pydantic_ai.BANNER_ENABLED or sys.argv[1] == "with"
from chatixia.testing import scripted
from chatixia.agent.model.engine import LibraryEngine
from tests.agent.model.runs import Run

async def main():
    engine = LibraryEngine(scripted(["hello"]), {})
    print(await Run().go(engine))
    await engine.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("banner", ["without", "with"])
def test_a_terminal_shows_what_we_say_and_no_advertisement(banner: str):
    """With it, as a control: else nobody would know that this terminal could have shown one."""
    import os
    import pty

    ours, theirs = pty.openpty()
    silenced = ("CI", "PYTEST", "GITHUB", "PYDANTIC", "NO_COLOR")
    env = {k: v for k, v in os.environ.items() if not k.startswith(silenced)}
    process = subprocess.Popen(
        [sys.executable, "-c", TALK, banner],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env | {"TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": os.getcwd()},
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:
        pass  # how the far end's closing reads
    finally:
        os.close(ours)
    assert process.wait(30) == 0, shown.decode()
    assert (shown == b"hello\r\n") == (banner == "without"), shown.decode()
