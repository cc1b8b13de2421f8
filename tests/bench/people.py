"""The hub's people at size: 10,000 browser sessions, 100,000 lines of the audit log and 1,000
machines that wait, in pages; and how long logins by password keep the registry's loop.

Prints one row in milliseconds: each kind of page, the dearest, and the longest turn of the loop.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from chatixia.registry.people.passwords import Passwords
from chatixia.store.control.audit import AuditEntry
from chatixia.store.control.rows import PairingRow, PairingState, SessionRow
from chatixia.store.control.store import Store
from chatixia.wire.audit import AuditQuery
from chatixia.world import REAL

PEOPLE, SESSIONS, LINES, PENDING, LOGINS = 200, 10_000, 100_000, 1_000, 20
TOGETHER = 500
"""Writes under way while it is filled."""


async def fill(many: int, write: Callable[[int], Awaitable[object]]) -> None:
    """Write so many, some at once."""
    for start in range(0, many, TOGETHER):
        await asyncio.gather(*(write(n) for n in range(start, min(many, start + TOGETHER))))


async def crowd(store: Store) -> None:
    """People with sessions, lines of their acts, machines that wait."""

    async def person(n: int) -> None:
        await store.people.add(f"hub~p{n}", "operator", n.to_bytes(4, "big") * 8, 60.0)

    async def session(n: int) -> None:
        digest = n.to_bytes(4, "big") * 8
        row = SessionRow(digest, f"hub~p{n % PEOPLE}", "", "default", 43_200.0, f"{n:08x}", digest)
        await store.people.open(row)

    async def line(n: int) -> None:
        person, address = f"hub~p{n % PEOPLE}", f"10.0.{n % 250}.1"
        await store.audit.append(AuditEntry(person, "person", "tasks.cancel", f"t_{n}", address))

    async def pending(n: int) -> None:
        digest = n.to_bytes(4, "big") * 8
        await store.pairings.put_code("default", "hub~p0", digest)
        await store.pairings.begin(digest, waiting(n))

    await fill(PEOPLE, person)
    await fill(SESSIONS, session)
    await fill(LINES, line)
    for n in range(PENDING):  # few codes are good at the same time
        await pending(n)


def waiting(n: int) -> PairingRow:
    """A machine that asked."""
    name, sign = f"m{n}", n.to_bytes(4, "big") * 8
    state: PairingState = "pending_approval"
    return PairingRow(
        0, f"{n:08x}", "default", name, sign, sign, state, 0.0, 0.0, name, "10.0.0.1", "hub~p0"
    )


async def typical(page: Callable[[], Awaitable[object]], times: int = 9) -> float:
    """The median of some looks, in milliseconds: one pause of the machine counts for none."""
    spans = []
    for _ in range(times):
        start = time.perf_counter()
        await page()
        spans.append(1000 * (time.perf_counter() - start))
    return sorted(spans)[times // 2]


async def pages(store: Store) -> dict[str, float]:
    """Each kind of page, at its dearest place."""
    people, audit = store.people, store.audit
    looks: dict[str, Callable[[], Awaitable[object]]] = {
        "people": lambda: people.page(),
        "sessions_first": lambda: people.sessions(),
        "sessions_last": lambda: people.sessions(after=f"{SESSIONS - 200:08x}"),
        "sessions_of_one": lambda: people.sessions("hub~p7"),
        "session_by_cookie": lambda: people.session((5).to_bytes(4, "big") * 8),
        "audit_newest": lambda: audit.page(AuditQuery()),
        "audit_oldest_1000": lambda: audit.page(AuditQuery(oldest=True, limit=1000)),
        "audit_middle": lambda: audit.page(AuditQuery(LINES // 2)),
        "audit_of_one": lambda: audit.page(AuditQuery(actor="hub~p7", limit=200)),
        "audit_of_nobody": lambda: audit.page(AuditQuery(actor="hub~nobody")),
        "audit_of_a_target": lambda: audit.page(AuditQuery(target="t_3")),
        "pending": lambda: store.pairings.page("default", "pending_approval"),
        "pending_last": lambda: store.pairings.page("default", "pending_approval", after=800),
    }
    return {name: await typical(page) for name, page in looks.items()}


async def turns_while_logging_in() -> float:
    """Milliseconds of the loop's longest turn while passwords are judged."""
    passwords = Passwords()
    hash_ = await passwords.hash("a horse that reads")
    logins = [asyncio.create_task(passwords.fits(hash_, f"guess {n}")) for n in range(LOGINS)]
    most, last = 0.0, time.perf_counter()
    while not all(login.done() for login in logins):
        await asyncio.sleep(0)
        now = time.perf_counter()
        most, last = max(most, now - last), now
    passwords.close()
    return 1000 * most


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder), REAL)
        try:
            await crowd(store)
            found = await pages(store)
        finally:
            await store.close()
    row = {f"people.{name}_ms": ms for name, ms in found.items()}
    row["people.page_max_ms"] = max(found.values())
    row["people.login_turn_ms"] = await turns_while_logging_in()
    sys.stdout.write(json.dumps({name: round(ms, 2) for name, ms in row.items()}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
