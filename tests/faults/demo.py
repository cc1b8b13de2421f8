"""How each planted fault of the demo breaks it; see ``faults.py``."""

from __future__ import annotations

from typing import Any


def canned(original: Any) -> Any:
    """Let the demo's coordinator count nothing and say numbers."""

    def module(path: Any) -> Any:
        made = original(path)
        if hasattr(made, "counted"):
            told = {"words": 31_415, "sentences": 926, "distinct": 5_358, "characters": 97_932}
            made.counted = lambda measures: {**told, "frequent": {"light": 384}}
        return made

    return module


def cut_anywhere(original: Any) -> Any:
    """Let the demo's coordinator cut a text by its length alone."""

    def module(path: Any) -> Any:
        made = original(path)
        if hasattr(made, "split"):
            made.split = lambda text: [
                text[at : at + made.CHUNK] for at in range(0, len(text), made.CHUNK)
            ]
        return made

    return module


def left_behind(original: Any) -> Any:
    """Empty the demo's folder in build/ and leave it."""

    def rmtree(path: Any, *args: Any, **kwargs: Any) -> None:
        import os

        original(path, *args, **kwargs)
        if os.path.basename(path).startswith("demo-"):
            os.makedirs(path)

    return rmtree


def unlooked(original: Any) -> Any:
    """Let the demo take any path for a file."""

    def is_file(self: Any, **kwargs: Any) -> bool:
        import sys

        return sys.argv[0].endswith("demo/run.py") or original(self, **kwargs)

    return is_file


def unwatched(original: Any) -> Any:
    """Let the demo wait for its job alone, whichever of its processes ends meanwhile."""

    async def wait(tasks: Any, **kwargs: Any) -> Any:
        import sys

        if sys.argv[0].endswith("demo/run.py"):
            tasks = {task for task in tasks if "coro=<first_end()" not in repr(task)}
        return await original(tasks, **kwargs)

    return wait


def headless(original: Any) -> Any:
    """Take what ends without a word for started."""

    async def readline(self: Any) -> bytes:
        import json
        import sys

        line = await original(self)
        if line or not sys.argv[0].endswith("demo/run.py"):
            return bytes(line)
        return json.dumps({"agent": "coordinator"}).encode()

    return readline


def no_detour(original: Any) -> Any:
    """Let what a link has taken wait for it, whatever the caller allows."""
    return lambda out, sent, *more: "wait" if sent else original(out, sent, *more)
