"""One machine that takes what it can get, as a process of its own.

python -m tests.acceptance.greedy URL HOME KIND AGENTS SECONDS: ``AGENTS`` agents of the machine in
HOME do what KIND says for so long; one line of JSON says what they got.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from websockets.exceptions import ConnectionClosed

from chatixia.assembly.profile.profile import Profile
from tests.registry.doors import Peer, enrolled, login

MONTH_MS = 30 * 86_400_000
MIB = 1024 * 1024
IN_FLIGHT = 48
BUSY_ROUNDS = 3
ENOUGH = 64  # of 1 MiB: more than one machine may keep where bounds are lowered to a tenth


async def burst(
    peer: Peer, verb: str, bodies: list[dict[str, Any]], got: Counter[str]
) -> list[Any]:
    """All of them at once on one socket; what each was answered is counted. Gives the results."""
    open_ = {f"b{n}" for n in range(len(bodies))}
    for ref, body in zip(sorted(open_), bodies, strict=True):
        await peer.send(type="verb", id=ref, verb=verb, body=body)
    found = []
    while open_:
        said = json.loads(await peer.ws.recv())
        for frame in said if isinstance(said, list) else [said]:
            ref = frame.get("id") or frame.get("ref") or ""
            if ref in open_:
                open_.discard(ref)
                got[frame.get("code") or "ok"] += 1
                if "retry_after" in frame:
                    got["with retry_after"] += 1
                found.append(frame.get("body"))
    return [body for body in found if body]


async def queue(peer: Peer, until: float, got: Counter[str]) -> None:
    """Tasks of thirty days that nobody takes, until it is refused again and again."""
    task, refused = {"skill": "nobody-has-it", "payload": {}, "deadline_ms": MONTH_MS}, 0
    while time.monotonic() < until and refused < BUSY_ROUNDS:
        refused = 0 if await burst(peer, "tasks.submit", [task] * IN_FLIGHT, got) else refused + 1


async def disk(peer: Peer, until: float, got: Counter[str]) -> None:
    """1 MiB submitted and canceled in a loop, however slow the machine is more often than fits; not
    for ever where nothing is made room for."""
    task = {"skill": "nobody-has-it", "payload": {"data": "x" * (MIB - 64)}}
    while time.monotonic() < until or (got["ok"] <= ENOUGH and got["busy"] <= ENOUGH):
        for done in await burst(peer, "tasks.submit", [task], got):
            await burst(peer, "tasks.cancel", [{"task_id": done["task_id"]}], Counter())


async def lists(peer: Peer, until: float, got: Counter[str]) -> None:
    """Lists of tasks, as many as one socket may ask for at once."""
    while time.monotonic() < until:
        await burst(peer, "tasks.list", [{"limit": 200}] * IN_FLIGHT, got)


KINDS = {"queue": queue, "disk": disk, "lists": lists}
FAT = [{"name": f"s{n}", "parameters": {"description": "x" * 100_000}} for n in range(9)]


async def main(url: str, home: str, kind: str, many: int, seconds: float) -> None:
    registry: Any = SimpleNamespace(url=url)
    profile, got, until = Profile.open(home=Path(home)), Counter[str](), time.monotonic() + seconds
    names = [await enrolled(registry, f"greedy{n}", profile=profile) for n in range(many)]
    if kind == "schemas":  # log in once, each with 0.9 MB of schemas, and drop off
        for who in names:
            try:
                peer = await login(registry, who, skills=FAT)
                peer.ws.transport.abort()
                got["ok"] += 1
            except (ConnectionClosed, TimeoutError):
                got["refused"] += 1
    else:
        peers = [await login(registry, who) for who in names]
        await asyncio.gather(*(KINDS[kind](peer, until, got) for peer in peers))
    print(json.dumps(got), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
