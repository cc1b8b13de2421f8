"""A model's HTTP endpoint of the shape of chat completions, which streams what a script says.

It keeps every request, and counts the answers that it could send to their end.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Message = dict[str, Any]


class Answer:
    """``text`` in pieces, or ``calls`` of (id, name, arguments). ``half``: called when half of it
    was sent, and then nothing more comes."""

    def __init__(
        self,
        *text: str,
        calls: Sequence[tuple[str, str, dict[str, Any]]] = (),
        half: Callable[[], None] | None = None,
    ) -> None:
        self.text, self.calls, self.half = text, calls, half

    def deltas(self) -> list[dict[str, Any]]:
        """What the stream carries."""
        pieces: list[dict[str, Any]] = [{"content": piece} for piece in self.text]
        for n, (id_, name, arguments) in enumerate(self.calls):
            body = json.dumps(arguments)
            head = {"index": n, "id": id_, "type": "function"}
            pieces.append({"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]})
            pieces += [
                {"tool_calls": [{"index": n, "function": {"arguments": part}}]}
                for part in (body[: len(body) // 2], body[len(body) // 2 :])
            ]
        return pieces


class ChatEndpoint:
    """``with`` it; ``script``: the answer to the messages of a request. ``requests``: the bodies
    that came; ``finished``: those whose answers were sent to the end."""

    def __init__(self, script: Callable[[list[Message]], Answer]) -> None:
        self.requests: list[dict[str, Any]] = []
        self.finished: list[dict[str, Any]] = []
        self._script, self._lock = script, threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """What ``base_url`` is to say."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> ChatEndpoint:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with endpoint._lock:
                    endpoint.requests.append(body)
                try:
                    self._stream(body, endpoint._script(body["messages"]))
                except OSError:
                    self.close_connection = True  # the agent is gone

            def _stream(self, body: dict[str, Any], answer: Answer) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                deltas = answer.deltas()
                for n, delta in enumerate(deltas):
                    if answer.half is not None and n >= len(deltas) // 2:
                        answer.half()
                        self.rfile.read(1)  # until the agent's end closes
                        return
                    self._chunk({"choices": [{"index": 0, "delta": delta}]})
                reason = "tool_calls" if answer.calls else "stop"
                self._chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
                self._chunk({"choices": [], "usage": _usage(body)})
                with endpoint._lock:
                    endpoint.finished.append(body)
                self.wfile.write(b"data: [DONE]\n\n")

            def _chunk(self, fields: dict[str, Any]) -> None:
                head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
                self.wfile.write(f"data: {json.dumps({**head, **fields})}\n\n".encode())
                self.wfile.flush()

            def log_message(self, *_: object) -> None:
                """Nothing goes to stderr."""

        return Handler


def _usage(body: dict[str, Any]) -> dict[str, int]:
    size = len(json.dumps(body)) // 4
    return {"prompt_tokens": size, "completion_tokens": 5, "total_tokens": size + 5}


def since_prompt(messages: Sequence[Message], role: str) -> list[Message]:
    """The messages of ``role`` behind the last prompt."""
    at = max(n for n, message in enumerate(messages) if message["role"] == "user")
    return [message for message in messages[at:] if message["role"] == role]


def text_of(message: Message) -> str:
    """A message's words, however its content is written."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or ())
