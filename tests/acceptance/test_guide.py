"""docs/python.md: every block is run as a reader would run it, in the order in which it stands."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatixia import BadArguments, connect
from chatixia.testing import mesh_of
from tests.acceptance.harness import TestMesh, environment

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
BLOCKS = re.findall(r"^```python ([\w=-]+)\n(.*?)^```", PAGE.read_text(), re.M | re.S)
WAYS = {"serve", "call", "web", "notebook", "test", "pydantic", "stub"}


def blocks(way: str) -> list[str]:
    return [code for info, code in BLOCKS if info.partition("=")[0] == way]


def space(code: str) -> dict[str, Any]:
    """The names of a block, run as a module with ``await`` at the top level."""
    names: dict[str, Any] = {"__name__": "guide"}
    compiled = compile(code, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    names["__done__"] = eval(compiled, names)
    return names


async def program(code: str, file: Path) -> tuple[int, str]:
    file.write_text(code)
    run = await asyncio.create_subprocess_exec(
        sys.executable,
        str(file),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(run.communicate(), 90)
    return run.returncode or 0, out.decode()


async def get(app: Any, path: str) -> tuple[int, Any]:
    """What an ASGI application answers to one GET: status and JSON."""
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await asyncio.wait_for(app(scope, receive, send), 30)
    return messages[0]["status"], json.loads(b"".join(m.get("body", b"") for m in messages[1:]))


async def test_the_guide_runs_as_it_is_printed(net: TestMesh, tmp_path: Path):
    assert len(BLOCKS) == PAGE.read_text().count("```python") > 10
    assert {info.partition("=")[0] for info, _ in BLOCKS} == WAYS
    net.up()
    for info, code in BLOCKS:
        if info.startswith("serve="):
            file = tmp_path / f"{info.partition('=')[2]}.py"
            file.write_text(code)
            process = net.procs.start("agent", program=(sys.executable, str(file)))
            process.wait_for(r"online")
    with environment(CHATIXIA_HOME=str(net.procs.home)):
        printed = ""
        for n, code in enumerate(blocks("call")):
            exit_, out = await program(code, tmp_path / f"call{n}.py")
            assert exit_ == 0, f"{code}\n{out}"
            printed += out
        for line in ("Emma 1815", "DRACULA", "100% Ulysses", "OnLoan: Emma comes back on Friday."):
            assert line in printed
        assert "Traceback" not in printed and "completed library 1" in printed
        stub = await asyncio.to_thread(net.procs.run, "stubs", "library")
        (tmp_path / "library_stub.py").write_text(stub.stdout)
        for code in blocks("stub"):
            assert await program(code, tmp_path / "typed.py") == (0, "1816\n")
        for code in blocks("notebook"):
            await space(code)["__done__"]
        for code in blocks("web"):
            app = space(code)["app"]
            async with app.router.lifespan_context(app):
                answer = await get(app, "/books/Emma")
            assert answer == (200, {"title": "Emma", "year": 1815})
        async with connect() as mesh:
            told = await mesh.agent("reporter").report(titles=["Emma", "Dracula"])
            assert told == "Emma (1815), Dracula (1897)"
            assert await mesh.any("side").side() == "of two"


@pytest.mark.parametrize("code", blocks("pydantic"))
async def test_its_pydantic_model_is_validated_by_pydantic(code: str):
    names = space(code)
    async with mesh_of(names["agent"]) as mesh:
        shop = mesh.agent("shop")
        assert await shop.order(what={"title": "Emma"}) == {"title": "Emma", "copies": 1}
        assert await shop.order(what=names["Order"](title="Emma", copies=2)) == {
            "title": "Emma",
            "copies": 2,
        }
        with pytest.raises(BadArguments, match="copies"):
            await shop.order(what={"title": "Emma", "copies": 0})
        (skill,) = await mesh.skills("shop")
        (what,) = json.loads(bytes(skill.parameters))["properties"].values()
        copies = {"type": "integer", "minimum": 1, "maximum": 100, "default": 1}
        assert what["properties"]["copies"].items() >= copies.items(), what


@pytest.mark.parametrize("code", blocks("test"))
async def test_its_tests_pass(code: str):
    names = space(code)
    tests: list[Callable[[], Any]] = [
        fn for name, fn in names.items() if name.startswith("test_") and inspect.isfunction(fn)
    ]
    assert tests
    for test in tests:
        await test()
