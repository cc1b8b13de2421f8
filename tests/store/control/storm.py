"""A process that submits, works and completes as fast as it can, and keeps its own ledger.

    python storm.py FOLDER LEDGER COUNT

Each line of LEDGER is `asked|ok|failed|unknown WHAT ID`, flushed before the next step. Run under
kill -9, a failing sync or a full disk, it shows what the store promised and what was there.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import TextIO

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from chatixia.errors import MeshError
from chatixia.store.control.clock import DiskFloor
from chatixia.store.control.store import Store
from chatixia.store.control.submission import SubmitOrder
from chatixia.store.control.task_rows import TaskAssigned
from chatixia.wire import tasks as t
from chatixia.world import REAL, task_id
from tests.store.control.kit import ALICE, BOB, seat

IN_FLIGHT = 32
SIZE = int(os.environ.get("STORM_PAYLOAD", "300"))


async def tell(out: TextIO, what: str, name: str, work: Awaitable[object]) -> None:
    out.write(f"asked {what} {name}\n")
    try:
        await work
    except MeshError as error:
        said = "unknown" if error.outcome == "unknown" else "failed"
        out.write(f"{said} {what} {name}\n")
        if error.code == "outcome_unknown":
            await asyncio.Event().wait()  # the process is about to end
    else:
        out.write(f"ok {what} {name}\n")


async def main(folder: Path, ledger: Path, count: int) -> None:
    out = ledger.open("a", buffering=1)
    store = Store.open(folder, REAL, floor=DiskFloor(0, 0.0))
    store.leases.seats([seat(BOB, "echo", slots=64)])
    running: set[asyncio.Task[None]] = set()

    def hear(notices: list[object]) -> None:
        for said in notices:
            if isinstance(said, TaskAssigned):
                work = store.leases.complete(BOB, said.task.id, said.task.fence, b"1")
                task = asyncio.ensure_future(tell(out, "complete", said.task.id, work))
                running.add(task)
                task.add_done_callback(running.discard)

    store.listen(hear)  # type: ignore[arg-type]
    left = iter(range(count))
    payload = b'"' + b"x" * SIZE + b'"'

    async def one() -> None:
        for _ in left:
            name = task_id()
            said = t.Submit(id=name, skill="echo", key=name)
            await tell(
                out, "submit", name, store.tasks.submit(SubmitOrder(ALICE, said, payload, 300.0))
            )

    await asyncio.gather(*(one() for _ in range(IN_FLIGHT)))
    while running:
        await asyncio.gather(*running)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
