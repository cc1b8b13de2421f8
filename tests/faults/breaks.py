"""What a planted fault puts in the place of the product's own: functions from the right one to the
broken one. The table that uses them is in ``faults.py``.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Patch = Callable[[Any], Any]


class Fault(NamedTuple):
    """One switch: its name, what it breaks, {place: patch}, and the tests that must see it."""

    name: str
    promise: str
    places: dict[str, Patch]
    red: tuple[str, ...]


def always(value: Any) -> Patch:
    """Replace a function by one that gives `value` whatever it is asked."""
    return lambda original: lambda *args, **kwargs: value


def value(new: Any) -> Patch:
    """Replace a constant."""
    return lambda original: new


def by_class(original: Any) -> Any:
    """Say of an exception only what its class is called."""
    return lambda error, seconds: type(error).__name__


def printing(original: Any) -> Any:
    """Let what is painted over come after what was there."""
    return lambda text: print(text)


def same(original: Any) -> Any:
    """Give back what is given."""
    return lambda given: given


def first_given(original: Any) -> Any:
    """Give back the first of what is given."""
    return lambda given, *rest: given


def unlogged(original: Any) -> Any:
    """Let nobody write about what is served."""
    return lambda inc, responder, now: responder


def no_work(original: Any) -> Any:
    """See no work that waits for anybody."""

    async def broken(*given: Any) -> dict[str, int]:
        return {}

    return broken


def swallowing(original: Any) -> Any:
    """Let a function pass over every error in silence."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except Exception:
            return None

    return broken


def dropping(original: Any) -> Any:
    """Let a worker drop all whose lease is over by its own clock, finished or not."""

    def tick(self: Any) -> None:
        now = self.world.boottime()
        for lease in [one for one in self._leases.values() if one.until < now]:
            self._lose(lease)
        original(self)

    return tick


def unnamed(original: Any) -> Any:
    """Take a handshake that broke for a path that does not work."""

    async def broke(self: Any, *_: Any) -> None:
        self._died("No path works.")

    return broke


def replayable(original: Any) -> Any:
    """Let a link remember no attempt."""

    def offered(self: Any, *rest: Any) -> Any:
        self._attempts.clear()
        return original(self, *rest)

    return offered


def first_come(original: Any) -> Any:
    """Stay with the path in use, whatever opens."""

    def rank(self: Any, now: float, sink: Any) -> None:
        if all(slot.open is not self.open for slot in self.slots) or self.open is None:
            original(self, now, sink)

    return rank


def hasty(original: Any) -> Any:
    """Take a silent application for a dead path."""
    return {**original, (True, False, "held"): "path_down"}


def unbounded(original: Any) -> Any:
    """Let decode accept any size."""
    return lambda maker, data, limit: original(maker, data, 1 << 40)


def believing(original: Any) -> Any:
    """Let a check take any signature for the right one."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **(kwargs | {"verify": lambda *_: True}))

    return broken


def unheard(original: Any) -> Any:
    """Take a hello as it came, whoever said it of whatever connection."""
    return lambda frame, *args, **kwargs: frame.hello


def stepping(original: Any) -> Any:
    """Take any time for the present one."""

    def learn(self: Any, now: float) -> None:
        self._base, self._since = now, self._monotonic()

    return learn


def unkept(original: Any) -> Any:
    """Send nothing again on a new path."""

    def resume(self: Any, acked: int) -> None:
        self._ack(self.s)
        original(self, self.s)

    return resume


def unheld(original: Any) -> Any:
    """Deliver a frame whenever it comes, also twice."""

    def receive(self: Any, data: bytes, now: float, out: list[Any]) -> Any:
        from chatixia.core import frames

        if data[:1] == b"{" and (seen := frames.read_frame(data)[0].s):
            self.a = seen - 1
        return original(self, data, now, out)

    return receive


def forgetful(original: Any) -> Any:
    """Take a duplicate for a new request."""

    def admit(self: Any, ask: Any, *rest: Any) -> None:
        self.served.pop(ask.request_id, None)
        original(self, ask, *rest)

    return admit


def contented(original: Any) -> Any:
    """Answer null where an error is due."""
    return lambda self, served, error: self.answer(served, b"null")


def answered_early(original: Any) -> Any:
    """Give each waiter its answer as soon as its statements ran, before a commit that is slow."""
    import time

    def broken(self: Any, item: Any) -> None:
        original(self, item)
        result = item.result
        if item.error is None:
            item.loop.call_soon_threadsafe(
                lambda: item.future.done() or item.future.set_result(result)
            )
            time.sleep(0.02)

    return broken


def with_a_key(original: Any) -> Any:
    """Every listed agent counts as one that may have a link."""
    return property(lambda record: False)


def keyless(original: Any) -> Any:
    """Draw another scope for each key, so that none is ever seen again."""
    import itertools

    numbers = itertools.count()
    return lambda ns, who, verb, key: original(ns, who, verb, f"{key}/{next(numbers)}")


def held_by_name(original: Any) -> Any:
    """Ask only whether the task is assigned, not under which fence."""
    return lambda row, who, fence: row.state == "assigned"


def definite(original: Any) -> Any:
    """Report what is not known as a plain failure."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        from chatixia.errors import DiskFull

        return DiskFull()

    return broken


# ---- for faults that only whole processes show (acceptance.py)


def misordered(original: Any) -> Any:
    """Put a message together with its middle turned around."""

    def whole(self: Any, name: int, half: Any) -> Any:
        half.data[9_000:-9_000] = half.data[9_000:-9_000][::-1]
        return original(self, name, half)

    return whole


def lossy(original: Any) -> Any:
    """Lose the first item of a stream."""

    def put(self: Any, n: int, item: bytes) -> None:
        original(self, n, item)
        if n == 0:
            self.items.clear()

    return put


def one_sided(original: Any) -> Any:
    """Name a link by what this end alone knows."""

    def bind(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.link = self._nonce.hex()[:12]

    return bind


def both_offer(original: Any) -> Any:
    """Let either end offer, whoever has the lower id."""

    def init(self: Any, *args: Any) -> None:
        original(self, *args)
        self.offers = True

    return init


def clinging(original: Any) -> Any:
    """Take every peer for gone when the registry is."""

    def registry(self: Any, up: bool) -> None:
        original(self, up)
        for peer in [] if up else self.peers:
            self.effects.depart(peer)

    return registry


def uncomplaining(original: Any) -> Any:
    """Pass over a message that could not be read."""

    def control(self: Any, read: Any, *rest: Any) -> None:
        if type(read).__name__ != "Unread":
            original(self, read, *rest)

    return control


def detoured(original: Any) -> Any:
    """Send by the queue whatever the queue can take."""
    return lambda out, *rest: original(out, *rest) if out.stream else "queue"


def credulous(original: Any) -> Any:
    """Take an offer as it came, from whomever, if only some member's chain is in it."""

    def check_offer(offer: Any, me: Any, book: Any, *, now: float) -> Any:
        from chatixia.core import handshake
        from chatixia.core.membership import check_chain

        member = check_chain(offer.chain, mesh=me.mesh, now=now, verify=me.verify)
        return handshake._verified(offer, member)

    return check_offer


def misnamed(original: Any) -> Any:
    """Take every error for one of the skill."""

    def from_wire(wire: Any) -> Any:
        from chatixia.errors import SkillFailed

        return SkillFailed(original(wire).message)

    return from_wire


def hushed(original: Any) -> Any:
    """Answer null for whom a call has failed; from then on at once, or the demo would wait long."""
    lost: set[str] = set()

    async def insist(door: Any, out: Any) -> Any:
        from chatixia.core.ports import CallAnswer
        from chatixia.errors import MeshError

        if out.target not in lost:
            try:
                return await original(door, out)
            except MeshError:
                lost.add(out.target)
        return CallAnswer(b"null", "direct", 1.0, out.target)

    return insist


def unread_mesh(original: Any) -> Any:
    """Take any mesh for the one that the join string names."""
    return lambda registry, head: original(registry, b"")


def unspent(original: Any) -> Any:
    """Put the member and leave the invitation as it was."""

    def redeem(tx: Any, key: str, member: Any, *rest: Any) -> Any:
        from chatixia.store.control import trust

        tx.run("put_member", trust.fields(member) | {"since": tx.now})
        return trust.invitation_of(tx.one("invitation", {"key": key}))

    return redeem


def refused_after(original: Any) -> Any:
    """Write a task, and only then see that there is no room for it."""

    async def submit(self: Any, order: Any) -> Any:
        from chatixia.errors import DiskFull
        from chatixia.store.control import submission

        done = await self._access.write(submission.submit, self._memory, order)
        if self._disk_low():
            raise DiskFull
        return done

    return submit


def lasting_link(original: Any) -> Any:
    """Keep a login link that was used."""

    def redeem_login(tx: Any, digest: bytes, session: bytes, ttl: float) -> Any:
        row = original(tx, digest, session, ttl)
        who = {"person": row.person, "role": row.role, "ns": row.ns}
        tx.run("put_login", {"digest": digest, "expires": tx.now + ttl, **who})
        return row

    return redeem_login


def unfiltered(original: Any) -> Any:
    """List tasks of any state, whichever was asked for."""

    async def page(self: Any, who: Any, said: Any) -> Any:
        said.state = ""
        return await original(self, who, said)

    return page


def rewritten(name: str, old: bytes, new: bytes) -> Patch:
    """Change one of the page's files."""

    def patch(original: Any) -> Any:
        def asset(path: Any) -> Any:
            from msgspec.structs import replace

            made = original(path)
            return replace(made, body=made.body.replace(old, new)) if path.name == name else made

        return asset

    return patch


def endless(original: Any) -> Any:
    """Read a body of any size."""
    return lambda receive, headers, limit: original(receive, {}, 1 << 40)


def wide_open(original: Any) -> Any:
    """Let the server take far larger WebSocket messages; of any size, a test would wait long."""

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **{**kwargs, "ws_max_size": 1 << 25})

    return init


def unguarded(original: Any) -> Any:
    """Let a message that cannot be decoded raise what is nobody's error."""

    def decode(*args: Any) -> Any:
        try:
            return original(*args)
        except Exception as error:
            raise ValueError from error

    return decode


def mute(original: Any) -> Any:
    """Refuse without a word."""

    async def refuse(*args: Any, **kwargs: Any) -> None:
        return None

    return refuse


def any_packet(original: Any) -> Any:
    """Take whatever holds a transaction id for a request."""
    return lambda packet: [] if len(packet) >= 20 else None


def dressed(original: Any) -> Any:
    """Put the skill's record in the function's place."""

    def skill(self: Any, fn: Any = None, **options: Any) -> Any:
        original(self, fn, **options)
        return self.skills[fn.__name__]

    return skill


def timeless(original: Any) -> Any:
    """Say that every call took no time."""

    def make_reply(answer: Any, ms: float) -> Any:
        from msgspec.structs import replace

        return replace(original(answer, ms), ms=0.0)

    return make_reply


def backwards(original: Any) -> Any:
    """Give the results of many calls last first."""

    async def gather(*args: Any, **kwargs: Any) -> Any:
        return (await original(*args, **kwargs))[::-1]

    return gather


def only_python(original: Any) -> Any:
    """Build a wheel of Python files alone."""

    def files(self: Any) -> Any:
        return (file for file in original(self) if file.path.endswith(".py"))

    return files


def tierless(original: Any) -> Any:
    """Do not say how a call was carried."""
    return lambda agent, via, *rest: original(agent, "", *rest)


def unhurried(original: Any) -> Any:
    """Wait for a link as long as ever, whatever the call says."""
    return lambda remaining, reach=0.0: original(remaining)
