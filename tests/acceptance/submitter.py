"""A client of the registry that keeps a history: ``python submitter.py PORT KEY NAME FILE``.

One line an event, written before and after each submit: invoke, then ok, definite or unknown.
It ends at SIGTERM, after the submit in flight.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import signal
import sys
import time

running = [True]
signal.signal(signal.SIGTERM, lambda *_: running.clear())


def submit(port: int, key: str, task: str, n: int) -> str:
    """How one submit ended."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = {
        "id": task,
        "key": task,
        "target_agent_id": "a",
        "skill": "mark",
        "ttl": 120,
        "payload": {"plain": {"n": n}},
        "idempotent": True,
        "max_attempts": 5,
    }
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    try:
        line.request("POST", "/api/hub/tasks", json.dumps(body), headers)
        answer = line.getresponse()
        said = json.loads(answer.read())
    except ConnectionRefusedError:
        return "definite"  # nobody heard it
    except (OSError, http.client.HTTPException, ValueError):
        return "unknown"
    finally:
        line.close()
    return "ok" if answer.status == 200 else str(said["outcome"])


def main(port: int, key: str, name: str, path: str) -> None:
    with open(path, "a") as history:
        n = 0
        while running:
            digest = hashlib.sha256(f"{name}-{n}".encode()).digest()
            task = "t_" + base64.b32encode(digest).decode().lower()[:26]
            history.write(f"invoke {task}\n")
            history.flush()
            ended = submit(port, key, task, n)
            history.write(f"{ended} {task}\n")
            history.flush()
            n += 1
            time.sleep(0.02 if ended == "ok" else 0.1)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
