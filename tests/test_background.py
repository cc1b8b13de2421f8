"""Background tasks: kept while they run, cancelled and awaited at the end."""

import asyncio
from contextvars import ContextVar

from chatixia.background import BackgroundTasks, Pauses, ends
from chatixia.world import EAGER

SEEN: ContextVar[str] = ContextVar("SEEN", default="nothing")


async def test_an_eager_one_runs_at_once_and_all_end_with_the_stop():
    background, ended = BackgroundTasks(), []

    async def hang(name):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def quick():
        ended.append("quick")

    background.spawn(hang("a"))
    task = background.eager(hang("b"))
    soon = background.eager(quick())
    assert soon.done() == bool(EAGER)  # Python 3.11 begins it with the next turn
    await soon
    assert ended == ["quick"]
    await asyncio.sleep(0)
    await background.stop()
    assert sorted(ended) == ["a", "b", "quick"] and task.cancelled()


async def test_an_eager_one_runs_in_its_owners_context():
    background, seen = BackgroundTasks(), []
    SEEN.set("who spawns")

    async def work():
        seen.append(SEEN.get())
        SEEN.set("the one before")

    await background.eager(work())
    await background.eager(work())
    assert seen == ["nothing", "nothing"]


async def test_what_ends_a_task_is_told_from_what_its_work_raised():
    seen = {}

    async def work(name, raised):
        try:
            await asyncio.sleep(0)
            raise raised
        except BaseException as error:
            seen[name] = ends(error, tasks.get(name) or asyncio.current_task())

    tasks = {}
    for name, raised in (("slip", asyncio.CancelledError()), ("exit", GeneratorExit())):
        await work(name, raised)
    tasks["cancelled"] = asyncio.ensure_future(work("cancelled", ValueError()))
    await asyncio.sleep(0)
    tasks["cancelled"].cancel()
    await asyncio.wait(tasks.values())
    other = asyncio.current_task()
    closed = asyncio.ensure_future(asyncio.sleep(0))
    await closed
    assert seen == {"slip": False, "exit": False, "cancelled": True}
    assert ends(GeneratorExit(), closed) and not ends(GeneratorExit(), other)
    assert ends(KeyboardInterrupt(), other) and ends(SystemExit(), other)
    assert not ends(ValueError(), other)


async def test_a_stop_may_wait_and_a_failure_is_passed_on():
    errors = []
    background, ended = BackgroundTasks(errors.append), []

    async def work():
        await asyncio.sleep(0)
        ended.append(1)
        raise ValueError

    background.spawn(work())
    assert len(background) == 1
    await background.stop(5)
    assert ended == [1] and not background
    assert [type(error) for error in errors] == [ValueError]


async def test_pauses_end_by_time_or_all_at_once():
    pauses, came = Pauses(), asyncio.get_running_loop().create_future()
    await pauses.sleep(0)
    await pauses.until(came, 0.001)
    assert came.cancelled()
    waits = [asyncio.ensure_future(pauses.sleep(600)) for _ in range(2)]
    await asyncio.sleep(0)
    pauses.end()
    async with asyncio.timeout(5):
        await asyncio.gather(*waits)
