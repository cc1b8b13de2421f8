"""What a planted fault puts in the product's place where only whole processes show it.

Loaded while a Python starts: import nothing of chatixia at the top, and nothing heavy.
"""

from __future__ import annotations

from typing import Any

from .breaks import Patch


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
        from chatixia.core import openings
        from chatixia.core.membership import check_chain

        member = check_chain(offer.chain, mesh=me.mesh, now=now, verify=me.verify)
        return openings._read(offer, member, me.mesh)

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

    def redeem_link(tx: Any, digest: bytes, row: Any) -> Any:
        opened = original(tx, digest, row)
        where = {"person": opened.person, "role": "link", "ns": opened.ns}
        tx.run("put_login", {"digest": digest, "expires": tx.now + 600, **where})
        return opened

    return redeem_link


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
