"""A new task: once for each key, whole whatever its size."""

import pytest

from chatixia.errors import Conflict
from chatixia.store.control import submission
from chatixia.wire import tasks as t

from .kit import ALICE, CAROL, Ledger, client, task_id


async def test_the_same_key_gives_the_same_task(ledger: Ledger):
    first = await ledger.submit(key="k")
    again = await ledger.submit(key="k", id=task_id(99))
    assert again == first
    assert await ledger.store.tasks.counts() == {"pending": 1}


async def test_the_answer_to_a_repeat_says_so_and_where_the_task_is(ledger: Ledger):
    name = await ledger.submit(key="k")
    await ledger.claim()
    order = submission.SubmitOrder(
        ALICE, t.Submit(id=task_id(7), skill="echo", key="k"), b'{"data":"hello"}', 9
    )
    assert await ledger.store.tasks.submit(order) == t.Submitted(name, "assigned", duplicate=True)


async def test_the_same_key_with_another_content_is_a_conflict(ledger: Ledger):
    await ledger.submit(key="k")
    with pytest.raises(Conflict):
        await ledger.submit(key="k", payload=b"2")
    with pytest.raises(Conflict):
        await ledger.submit("other", key="k")


async def test_without_a_key_the_id_is_the_key(ledger: Ledger):
    name = await ledger.submit(id=task_id(5))
    assert await ledger.submit(id=task_id(5)) == name
    with pytest.raises(Conflict):
        await ledger.submit(id=task_id(5), payload=b"2")


async def test_anothers_id_is_taken(ledger: Ledger):
    await ledger.submit(id=task_id(5))
    with pytest.raises(Conflict, match="taken"):
        await ledger.submit(id=task_id(5), who=CAROL)
    assert await ledger.store.tasks.counts() == {"pending": 1}


async def test_keys_of_two_principals_do_not_meet(ledger: Ledger):
    names = {
        await ledger.submit(key="k", who=who)
        for who in (ALICE, CAROL, client("pi~aaaaaa"), client("lab~aaaaaa"))
    }
    assert len(names) == 4
    assert await ledger.submit(key="k", who=client("pi~bbbbbb")) in names


async def test_keys_are_stored_hashed(ledger: Ledger):
    await ledger.submit(key="oslo-1123-secret")
    await ledger.store.close()
    files = b"".join(path.read_bytes() for path in ledger.folder.iterdir())
    assert b"oslo-1123-secret" not in files
    assert b"submitted" in files
    ledger.store = Ledger(ledger.folder).store


@pytest.mark.parametrize("size", [1, submission.INLINE, submission.INLINE + 1, 1 << 20])
async def test_payloads_of_any_size_come_back_whole(ledger: Ledger, size: int):
    payload = b'"' + b"p" * (size - 1) + b'"'
    name = await ledger.submit(payload=payload)
    [grant] = await ledger.claim()
    assert bytes(grant.task.payload.plain) == payload  # type: ignore[arg-type]
    _, task = await ledger.store.tasks.get("default", name)
    assert bytes(task.payload.plain) == payload  # type: ignore[arg-type]
