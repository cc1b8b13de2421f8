"""A server of the Model Context Protocol that does as it is told: ``python stranger.py MODE``.

By hand, since a library would not misbehave. Modes: ``good``, ``silent`` (never answers a call),
``flood`` (100 MB to each call), ``dies`` (at each call), ``changes`` (its tools, in each call),
``mute`` (answers nothing at all), ``noise`` (100 MB before anything).
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

MODE = sys.argv[1] if len(sys.argv) > 1 else "good"
ANNOTATIONS = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True}
ORDER = os.environ.get("ORDER", "")
tools = ["add", "environ", "fail"]


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def tool(name: str) -> dict[str, Any]:
    properties = {"a": {"type": "integer"}, "b": {"type": "integer"}} if name == "add" else {}
    return {
        "name": name,
        "description": f"{name}. {ORDER}".strip(),
        "inputSchema": {"type": "object", "properties": properties},
        "annotations": ANNOTATIONS,
    }


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if name == "add":
        text = str(arguments.get("a", 0) + arguments.get("b", 0))
    elif name == "environ":
        text = json.dumps(sorted(os.environ))
    else:
        text = ORDER or "It cannot."
    return {"content": [{"type": "text", "text": text}], "isError": name == "fail"}


def answer(message: dict[str, Any]) -> dict[str, Any] | None:
    method, params = message.get("method"), message.get("params", {})
    if method == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": {"name": "stranger", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [tool(name) for name in tools]}
    if method == "tools/call":
        misbehave()
        return {} if MODE == "silent" else call(params["name"], params.get("arguments") or {})
    return None


def misbehave() -> None:
    if MODE == "dies":
        os._exit(3)
    if MODE == "flood":
        for _ in range(100):
            sys.stdout.write("x" * (1 << 20))
        sys.stdout.flush()
    if MODE == "changes":
        tools[:] = [f"new{len(tools)}", "add"] if "add" in tools else ["add"]
        send({"method": "notifications/tools/list_changed"})


def main() -> None:
    if MODE == "noise":
        for _ in range(100):
            sys.stdout.write("x" * (1 << 20) + "\n")
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or MODE == "mute":
            continue
        result = answer(message)
        if result is None:
            send({"id": message["id"], "error": {"code": -32601, "message": "no such method"}})
        elif result:
            send({"id": message["id"], "result": result})


main()
