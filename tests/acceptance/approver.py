"""An admin of the hub by REST: ``python approver.py LINK NAME KEY``.

Logs in by the link, says which machines wait, approves the one called NAME with the key that it
shows, and prints what the registry answered.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from typing import Any
from urllib.parse import urlsplit


class Hub:
    """A browser's session at ``link``'s address."""

    def __init__(self, link: str) -> None:
        parts = urlsplit(link)
        self.address, self.headers = parts.netloc, {"content-type": "application/json"}
        self.clear, self.headers["x-chatixia"] = parts.scheme == "http", "1"
        answer, cookie = self.ask("POST", "/api/login/redeem", {"secret": parts.fragment})
        self.headers |= {
            "cookie": cookie.partition(";")[0],
            "x-chatixia": answer.get("page_secret", "1"),
        }

    def ask(self, method: str, path: str, body: Any = None) -> tuple[Any, str]:
        line = http.client.HTTPConnection(self.address, timeout=20)
        if not self.clear:  # the certificate is the registry's own
            trusting = ssl._create_unverified_context()
            line = http.client.HTTPSConnection(self.address, timeout=20, context=trusting)
        line.request(method, path, json.dumps(body) if body is not None else None, self.headers)
        answer = line.getresponse()
        return json.loads(answer.read()), answer.headers.get("set-cookie", "")


hub = Hub(sys.argv[1])
waiting = hub.ask("GET", "/api/pairings")[0]["pairings"]
print("waiting", json.dumps(waiting))
[row] = [one for one in waiting if one["name"] == sys.argv[2]]
path = f"/api/pairings/{row['id']}/approve"
print("answer", json.dumps(hub.ask("POST", path, {"key": sys.argv[3]})[0]))
