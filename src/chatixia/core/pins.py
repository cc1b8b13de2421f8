"""Who may hold a name: pins, serials, tombstones (trust.md section 1).

A pin is what was once proved for a (namespace, id): its keys, its serial, and who signed it. It
never goes back to a lower serial. Another key is followed only when its higher record is signed
by the key that signed the pinned one, or by the owner; anybody else's record for that id, however
high its serial, is ``name_taken``. The registry judges its directory by the same rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from chatixia.errors import BadChain, NameTaken
from chatixia.ids import AgentId, is_agent_id
from chatixia.wire import signed
from chatixia.wire.trust import OWNER, Record, Revocation, Signed

from .membership import Member, approval, check_revoked
from .owners import is_owner_id, rank
from .ports import Pin, PinBook, RevocationBook
from .record import read_record

Verdict = Literal["same", "new", "newer", "follow"]
"""same: nothing to write; new: first seen; newer: a higher record of the same keys; follow:
another key, rightly."""
MAX_SERIAL: Final = 2**53 - 1
AHEAD: Final = 10
"""How far above the mesh time a serial may stand: each naming and ending within one second takes
one more."""


class MemoryBook:
    """A PinBook that dies with its process: for tests, and where nothing may be written."""

    def __init__(self) -> None:
        self.pins: dict[tuple[str, str], Pin] = {}
        self._revocations: dict[tuple[str, str], Revocation] = {}
        self._statements: dict[tuple[str, str], tuple[int, Signed]] = {}
        self.confirmed = 0

    @property
    def revocations(self) -> RevocationBook:
        """See :class:`PinBook`."""
        return self._revocations

    def pin(self, ns: str, name: str) -> Pin | None:
        """See :class:`PinBook`."""
        return self.pins.get((ns, name))

    def keep(self, pins: Iterable[Pin]) -> None:
        """See :class:`PinBook`."""
        self.pins.update({(pin.ns, pin.id): pin for pin in pins})

    def prune(self, now: float) -> None:
        """See :class:`PinBook`."""
        over = [key for key, pin in self.pins.items() if pin.ephemeral and 0 < pin.not_after < now]
        for key in over:
            del self.pins[key]

    def confirm(self, issued: int) -> None:
        """See :class:`PinBook`."""
        self.confirmed = max(self.confirmed, issued)

    def statements(self, above: int = 0) -> list[Signed]:
        """See :class:`PinBook`."""
        rising = sorted(self._statements.values(), key=lambda entry: entry[0])
        return [statement for version, statement in rising if version > above]

    def revoke(self, statement: Signed, revocation: Revocation) -> bool:
        """See :class:`PinBook`."""
        key = (revocation.ns, revocation.id)
        if not newer(revocation, self._revocations.get(key)):
            return False
        self._revocations[key] = revocation
        self._statements[key] = (revocation.version, statement)
        return True


def judge(member: Member, book: PinBook) -> list[Pin]:
    """Hold ``member`` and its machine against revocations and pins; the pins now to write.

    Raises Revoked, NameTaken, or BadChain for a record older than the one known.
    """
    check_revoked(member, book.revocations)
    changed = []
    for position in range(len(member.records) - 1, -1, -1):
        records = member.records[position:]
        if records[0].kind in ("owner", "invitation") or (
            position and records[0].kind == "registry"
        ):
            continue
        pin = pin_of(records)
        if decide(pin, records, book.pin(pin.ns, pin.id)) != "same":
            changed.append(pin)
    return changed


def accept(member: Member, book: PinBook) -> None:
    """:func:`judge`, and write what it says."""
    if changed := judge(member, book):
        book.keep(changed)


def decide(new: Pin, records: Sequence[Record], old: Pin | None) -> Verdict:
    """Whether ``records`` (a chain from one id up, checked) may stand where ``old`` is pinned.

    Raises NameTaken or BadChain.
    """
    if old is None:
        return "new"
    same_keys = (new.kind, new.sign, new.seal) == (old.kind, old.sign, old.seal)
    if new.serial < old.serial:
        raise _taken(old) if not same_keys else _stale(new, old)
    if new.serial == old.serial:
        if not same_keys:
            raise _taken(old)
        return "same"
    if not _may_replace(new, records, old, same_keys):
        raise _taken(old)
    return "newer" if same_keys else "follow"


def _may_replace(new: Pin, records: Sequence[Record], old: Pin, same_keys: bool) -> bool:
    """The owner itself, the signer of the pinned record, or the same machine under a new
    approval of the owner (its disk died; the owner invited it again under its name).

    An invitation is spent once: it renews the machine's record, and gives its name to no other
    key, though a registry in league with its holder would list that. Nor does a registry to which
    signing was delegated give a name that it gave to another key.
    """
    if approval(records) > old.serial:
        return True
    if new.kind != old.kind:
        return False
    if new.signer == old.signer:
        return same_keys or records[1].kind not in ("invitation", "registry")
    return bool(old.machine) and new.machine == old.machine and new.approved > old.approved


def _taken(old: Pin) -> NameTaken:
    holder = f" on the machine {old.machine}" if old.machine and old.machine != old.id else ""
    return NameTaken(f"The name {old.id} is taken by another key{holder}.", agent=old.id)


def _stale(new: Pin, old: Pin) -> BadChain:
    return BadChain(
        f"An older record of {old.id} was shown: serial {new.serial}; {old.serial} is known."
    )


def pin_of(records: Sequence[Record]) -> Pin:
    """The pin that a checked chain (leaf first) makes for its leaf."""
    leaf, signer = records[0], records[1] if len(records) > 1 else records[0]
    machine = next((n for n, record in enumerate(records) if record.kind == "machine"), None)
    return Pin(
        ns=leaf.ns,
        id=leaf.id,
        kind=leaf.kind,
        sign=signed.unb64(leaf.sign),
        seal=signed.unb64(leaf.seal),
        serial=leaf.serial,
        signer=signed.unb64(signer.sign),
        machine="" if machine is None else records[machine].id,
        approved=-1 if machine is None else approval(records[machine:]),
        not_after=leaf.not_after,
        ephemeral=leaf.kind == "client" or leaf.ephemeral,
    )


def next_serial(*serials: int) -> int:
    """The serial for a new record: the highest known to the signer and the registry, plus one."""
    return min(max((0, *serials)) + 1, MAX_SERIAL)


def naming_serial(shown: int, now: float) -> int:
    """The serial of a record by which an owner names somebody at mesh time ``now``. ``shown``: the
    highest that the registry knows, by its word: one far ahead would put the record above whatever
    ends it later. Raises BadChain for that."""
    if shown > now + AHEAD:
        raise BadChain(
            f"The registry shows the serial {shown}, far above the time {int(now)}; what is signed"
            " above it could not be revoked. Nothing was signed."
        )
    return next_serial(shown)


def ending_serial(shown: int, now: float) -> int:
    """The serial of a statement that ends whatever was named until the mesh time ``now``: a
    registry that shows a lower one saves nobody by that."""
    return max(int(now), min(shown, int(now) + AHEAD + 1))


def newer(new: Revocation, old: Revocation | None) -> bool:
    """Whether a checked revocation adds to what is kept: of an owner the word of whoever stands
    above it counts, whatever the other's number."""
    return old is None or _weight(new) > _weight(old)


def _weight(entry: Revocation) -> tuple[int, int, int]:
    signer = read_record(signed.unb64(entry.signer[0].b)).id if entry.signer else OWNER
    above = -rank(signer) if is_owner_id(entry.id) else 0
    return above, entry.serial, entry.version


def version_of(revocations: Mapping[tuple[str, str], Revocation]) -> int:
    """The version of the revocation list: the highest in it, 0 for none; only ever rises."""
    return max((entry.version for entry in revocations.values()), default=0)


def digest_of(revocations: RevocationBook) -> str:
    """16 hex digits over a revocation list: the same for whoever knows the same, in whatever order
    it was brought; empty for none. The highest version alone would hide one that was withheld."""
    if not revocations:
        return ""
    entries = sorted((key, each.serial, each.version) for key, each in revocations.items())
    flat: list[str | int | bytes] = []
    for (ns, id_), serial, version in entries:
        flat += [ns, id_, serial, version]
    return hashlib.sha256(signed.fields(flat)).hexdigest()[:16]


def free_name(name: str, taken: Iterable[str]) -> AgentId:
    """A free name like ``name``: ``name-2``, ``name-3`` ..., for the sentence of name_taken."""
    used = set(taken)
    for n in range(2, len(used) + 3):
        tail = f"-{n}"
        candidate = name[: 63 - len(tail)].rstrip(".") + tail
        if candidate not in used and is_agent_id(candidate):
            return AgentId(candidate)
    return AgentId(name)
