"""The session: a numbered, acknowledged stream between two incarnations, above any path.

links.md sections 1 and 5. Sending: messages wait in an outbox until a frame is built; a built
frame counts only after the path took it (``sent``), so a refusal leaves all as it was. Frames are
kept until acknowledged and go again on a new path. Receiving: the next number is delivered, lower
ones dropped, higher ones held within 4 MiB.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

import msgspec

from chatixia.errors import BadRequest, Overloaded
from chatixia.wire.base import KIB, MIB
from chatixia.wire.messages import Read, read
from chatixia.wire.peer import FRAME_TARGET, MAX_MESSAGE

from . import frames
from .fragments import FragmentBudget, FragmentScheduler, Reassembly
from .frames import FRAGMENT, JSON, Fragment
from .replies import ReplyBudget
from .retransmit import RetransmitTimer

WINDOW_BYTES: Final = 4 * MIB
"""Bytes sent and not acknowledged, and bytes held out of order."""
EARLY_OVERHEAD: Final = 128
"""What a held frame costs besides its bytes, so that tiny ones are bounded too."""
LINK_WINDOW: Final = MIB
"""Credit of a link: bytes of request bodies, stream chunks and fragments under way."""
UNCOUNTED: Final = 2**62
"""A total of credit that is never reached."""
QUEUED: Final = 32 * MIB
"""Bytes that wait to be sent; beyond, ``busy``."""
ACK_BYTES: Final = 64 * KIB
ACK_SECONDS: Final = 0.02
AGAIN_BYTES: Final = 64 * KIB


class DeliveryNote(Protocol):
    """Whom a message belongs to. ``frame``: the number of the (last) frame that carried it, 0 until
    a path took (part of) it; ``tracked``: whether its owner hears that it was acknowledged."""

    frame: int

    @property
    def tracked(self) -> bool:
        """Read when it is sent."""
        ...


class LostState(Exception):
    """The peer speaks for the same incarnation and has lost what it acknowledged."""


class ReassembledMessage(msgspec.Struct):
    """A message that came in fragments; they paid for it."""

    message: Read


class _Sent(msgspec.Struct, gc=False):
    s: int
    data: bytes
    notes: list[Any]


class PeerSession:
    """One side. ``a``: highest frame received in order; ``s``: highest number given; ``resent``:
    frames that went again.

    ``acked``: notes whose frame was acknowledged since the caller last emptied it; ``halves``:
    messages that came in part; ``largest``: bytes of the largest message that the peer takes.
    """

    __slots__ = (
        "_again",
        "_allowed",
        "_bytes",
        "_consumed",
        "_cut_turn",
        "_cuts",
        "_early",
        "_early_bytes",
        "_granted",
        "_head",
        "_losses",
        "_outbox",
        "_since_ack",
        "_taken",
        "_unacked",
        "_unacked_bytes",
        "_used",
        "_waiting",
        "a",
        "ack_now",
        "acked",
        "doubtful",
        "forgetful",
        "halves",
        "largest",
        "last_ack",
        "replies",
        "resent",
        "s",
    )

    def __init__(self, pool: FragmentBudget | None = None) -> None:
        self.s = self.a = self.last_ack = self.resent = 0
        self.ack_now = False
        self.doubtful = self.forgetful = False
        self.acked: list[Any] = []
        self._head: list[bytes] = []
        self.replies = ReplyBudget()
        self._outbox: list[tuple[bytes, Any]] = []
        self._bytes = 0
        self._waiting: deque[tuple[bytes, Any, int]] | None = None  # seldom needed, 600 bytes
        self._cuts = FragmentScheduler()
        self._cut_turn = False
        self._unacked: deque[_Sent] = deque()
        self._unacked_bytes = 0
        self._again: deque[_Sent] | None = None
        self._taken: tuple[int, int, bytes] = (0, 0, b"")
        self._early: dict[int, bytes] = {}
        self._early_bytes = 0
        self._since_ack = 0
        self._losses = RetransmitTimer()
        self.halves = Reassembly(pool)
        self.largest = MAX_MESSAGE
        self._used, self._allowed = 0, LINK_WINDOW
        self._consumed, self._granted = 0, LINK_WINDOW

    # -- sending

    def send(self, data: bytes, note: DeliveryNote | None = None, cost: int = 0) -> None:
        """Queue an encoded message. ``cost``: credit it takes (fragments cost their own bytes).

        Raises TooLarge above ``largest``, Overloaded above 32 MiB waiting.
        """
        size = len(data)
        if size > KIB and not self._queue(data, size, note):
            return
        self._bytes += size
        if cost:
            if self._waiting or self._used + cost > self._allowed:
                if self._waiting is None:
                    self._waiting = deque()
                self._waiting.append((data, note, cost))
                return
            self._used += cost
        self._outbox.append((data, note))

    def _queue(self, data: bytes, size: int, note: DeliveryNote | None) -> bool:
        """Whether a message of more than 1 KiB goes in one frame; one in fragments waits by now."""
        if large := size > FRAME_TARGET:
            frames.bounded(data, self.largest)  # first: no waiting makes room for what is too large
        if self._bytes + size > QUEUED:
            raise Overloaded("Too much waits to be sent to this peer.")
        if large:
            self._cuts.add(data, note)
            self._bytes += size
        return not large

    def urgent(self, data: bytes) -> None:
        """Queue a small message (credit, ping, cancel) at the head; it costs nothing."""
        self._head.append(data)
        self._bytes += len(data)

    def reply(self, data: bytes) -> None:
        """Queue what the peer caused, at the head. BadRequest if it takes none of all that."""
        self.replies.add(len(data))
        self.urgent(data)

    def repeat(self, answer: bytes, note: DeliveryNote) -> None:
        """Queue an answer again that the peer asked for again. Raises what :meth:`reply` raises."""
        self.replies.add(min(len(answer), KIB))
        self.send(answer, note)

    def withdraw(self, note: DeliveryNote) -> bool:
        """Take an unsent message back. False: some of it was sent."""
        for entry in self._outbox:
            if entry[1] is note:
                self._outbox.remove(entry)
                self._bytes -= len(entry[0])
                return True
        waiting = self._waiting or deque()
        for paid in waiting:
            if paid[1] is note:
                waiting.remove(paid)
                self._bytes -= len(paid[0])
                return True
        before = self._cuts.bytes
        withdrawn = self._cuts.withdraw(note)
        self._bytes -= before - self._cuts.bytes
        return withdrawn

    @property
    def ready(self) -> bool:
        """Whether ``build`` may have something."""
        return bool(self._outbox or self._head or self._again or self._cuts.bytes)

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is unacknowledged."""
        return not (self._unacked or self._waiting or self.ready)

    @property
    def unacked(self) -> bool:
        """Whether something sent is not acknowledged."""
        return bool(self._unacked)

    @property
    def owes_ack(self) -> bool:
        """Whether the peer waits for an ack."""
        return self.a > self.last_ack or self.ack_now

    def build(self) -> bytes | None:
        """The next frame, or None. Nothing has happened until ``sent``."""
        if self.doubtful or self.forgetful:
            return None
        if self._again:
            # The ack that it left with would tell a doubtful peer that I lost my state.
            return frames.with_ack(self._again[0].data, self.a)
        if self._unacked_bytes >= WINDOW_BYTES:
            return None
        if self._head:
            self._outbox[:0] = [(data, None) for data in self._head]
            self._head.clear()
        if self._cuts.bytes and (self._cut_turn or not self._outbox):
            return self._build_fragment()
        return self._build_frame() if self._outbox else None

    def _build_frame(self) -> bytes:
        outbox = self._outbox
        count = len(outbox)
        if self._bytes > FRAME_TARGET:
            count = frames.count_that_fits(outbox)
        if count == 1:
            body = outbox[0][0]
            size, data = len(body), frames.frame(self.s + 1, self.a, body)
        else:
            parts = [entry[0] for entry in (outbox if count == len(outbox) else outbox[:count])]
            size, data = sum(map(len, parts)), frames.write_frame(self.s + 1, self.a, parts)
        self._taken = (count, size, data)
        return data

    def _build_fragment(self) -> bytes | None:
        cut, piece = self._cuts.peek()
        if self._used + len(piece) > self._allowed:
            return self._build_frame() if self._outbox else None
        data = frames.write_fragment(Fragment(self.s + 1, self.a, cut.id, cut.at, cut.parts, piece))
        self._taken = (0, 0, data)
        return data

    def sent(self) -> bool:
        """The path took what ``build`` gave last. Whether ``build`` may have more."""
        self.last_ack = self.a
        self.ack_now = False
        self._since_ack = 0
        if self._again:
            self._again.popleft()
            self.resent += 1
            return True
        count, size, data = self._taken
        self.s += 1
        self._bytes -= size
        notes = self._sent_messages(count) if count else self._sent_piece()
        self._unacked.append(_Sent(self.s, data, notes))
        self._unacked_bytes += len(data)
        return bool(self._outbox or self._cuts.bytes or self._head)

    def _sent_messages(self, count: int) -> list[Any]:
        self._cut_turn = True
        outbox, frame = self._outbox, self.s
        notes = []
        if self.replies.waiting:
            self.replies.sent(len(self._taken[2]))
        for _, note in outbox if count == len(outbox) else outbox[:count]:
            if note is not None:
                note.frame = frame
                if note.tracked:
                    notes.append(note)
        del outbox[:count]
        return notes

    def _sent_piece(self) -> list[Any]:
        self._cut_turn = False
        cut, piece = self._cuts.peek()
        self._used += len(piece)
        if cut.note is not None:
            cut.note.frame = self.s
        if not self._cuts.take():
            return []
        self._bytes -= len(cut.data)
        return [] if cut.note is None or not cut.note.tracked else [cut.note]

    def ack_frame(self) -> bytes:
        """A pure ack; unnumbered. Call ``ack_sent`` once the path took it."""
        return frames.write_ack(self.a)

    def ack_sent(self) -> None:
        """The path took a pure ack."""
        self.last_ack = self.a
        self.ack_now = False
        self._since_ack = 0

    def resume(self, acked: int | None) -> None:
        """A new path: ``acked`` is the peer's ``hello.a``; all above goes again, in order. None: a
        path that was read before, whose frames have told what arrived.

        Lower than an ack seen before is doubtful until the new path's first frame says the same
        (a frame of the old path may have overtaken ``hello``); the driver withholds the doubt from
        frames of other paths, which may be older. Higher than all that I ever sent: it
        is I who have forgotten the peer, which starts a new session as soon as it hears so.
        """
        if acked is not None:
            self.forgetful = acked > self.s
            if acked <= self.s:
                self.doubtful = self.s > 0 and acked < self._lowest()
                self._ack(acked)
        self._again = deque(self._unacked) if self._unacked else None
        self.ack_now = True

    def _lowest(self) -> int:
        return self._unacked[0].s - 1 if self._unacked else self.s

    def tick(self) -> bool:
        """Every 250 ms while something is unacknowledged: True when the oldest goes again."""
        oldest = self._unacked[0].s if self._unacked else 0
        if not self._losses.tick(oldest, bool(self._again)):
            return False
        self._repeat()
        return True

    def _repeat(self) -> None:
        again = self._again = self._again or deque()
        size = 0
        for frame in self._unacked:
            size += len(frame.data)
            if size > AGAIN_BYTES and again:
                break
            again.append(frame)

    # -- receiving

    def receive(
        self, data: bytes, now: float, into: list[Read | ReassembledMessage]
    ) -> frames.FrameControl | None:
        """Take a frame; append what it delivers to ``out``. BadRequest: the path must close."""
        first = data[0] if data else 0
        if first == JSON:
            frame, inside = frames.read_frame(data)
            if frame.s == 0:
                if self.forgetful and frame.a > self.s:
                    # Of the session that I forgot; its next ack is of mine.
                    return frames.control(frame)
                self._check_ack(frame.a)
                self._pure_ack(frame.a)
                return frames.control(frame)
            if frame.s == self.a + 1:
                self.a = frame.s
                self._check_ack(frame.a)
                into.extend(inside)
                self._after(len(data), now, into)
            else:
                self._keep_early(frame.s, frame.a, data)
        elif first == FRAGMENT:
            piece = frames.read_fragment(data)
            if piece.s == self.a + 1:
                self._take_piece(piece, now, into)
                self._after(len(data), now, into)
            else:
                self._keep_early(piece.s, piece.a, data)
        else:
            raise BadRequest("A frame starts neither with { nor with 01.")
        return None

    def _after(self, size: int, now: float, into: list[Read | ReassembledMessage]) -> None:
        self._since_ack += size
        if self._since_ack >= ACK_BYTES:
            self.ack_now = True
        if self._early:
            self._drain(now, into)

    def _keep_early(self, s: int, a: int, data: bytes) -> None:
        self._check_ack(a)
        self.ack_now = True
        size = len(data) + EARLY_OVERHEAD
        if s <= self.a or s in self._early or self._early_bytes + size > WINDOW_BYTES:
            return
        self._early[s] = data
        self._early_bytes += size

    def _drain(self, now: float, into: list[Read | ReassembledMessage]) -> None:
        while (data := self._early.pop(self.a + 1, None)) is not None:
            self._early_bytes -= len(data) + EARLY_OVERHEAD
            if data[0] == JSON:
                _, inside = frames.read_frame(data)
                self.a += 1
                into.extend(inside)
            else:
                self._take_piece(frames.read_fragment(data), now, into)

    def _take_piece(
        self, piece: Fragment, now: float, into: list[Read | ReassembledMessage]
    ) -> None:
        self._check_ack(piece.a)
        self.a = piece.s
        self.consumed(len(piece.data))
        whole = self.halves.accept(piece, now)
        if whole is not None:
            into.append(ReassembledMessage(read(whole)))

    def _check_ack(self, a: int) -> None:
        if self.doubtful:
            self.doubtful = False
            if a < self._lowest():
                raise LostState
        self.forgetful = False
        if a > self.s:
            raise BadRequest("An ack of a frame that was never sent.")
        unacked = self._unacked
        if unacked and unacked[0].s <= a:
            self._ack(a)

    def _ack(self, a: int) -> None:
        unacked, acked = self._unacked, self.acked
        while unacked and unacked[0].s <= a:
            frame = unacked.popleft()
            self._unacked_bytes -= len(frame.data)
            if frame.notes:
                acked.extend(frame.notes)
        while self._again and self._again[0].s <= a:
            self._again.popleft()

    def _pure_ack(self, a: int) -> None:
        """The same ack again and again: the frame after it is missing, others came."""
        missing = bool(self._unacked) and self._unacked[0].s == a + 1
        if missing and not self._again and self._losses.pure_ack(a, self.s):
            self._again = deque((self._unacked[0],))

    def let_go(self) -> None:
        """Free what came in part, without an end to the session: its peer may never come back.

        Frames held out of order were not acknowledged and would come again; half messages are
        given up.
        """
        self._early.clear()
        self._early_bytes = 0
        self.halves.drop()

    def end(self) -> None:
        """Nothing will come or go again. What was sent is let go of by hand: for speed it is not
        tracked by the collector of cycles, and it leads back to this session."""
        self._unacked.clear()
        self._again = None
        self.acked.clear()
        self.let_go()

    # -- credit

    def uncounted(self) -> None:
        """Without credit, which the peer does not know: what is kept bounds what is under way."""
        self._granted = UNCOUNTED
        self.allow(UNCOUNTED)

    def consumed(self, cost: int) -> None:
        """Paid bytes were handed on. BadRequest when the peer sent more than it was allowed."""
        self._consumed += cost
        if self._consumed > self._granted:
            raise BadRequest("The peer exceeded its credit.")

    def refund(self, cost: int) -> None:
        """The peer never counted what a message cost: it could not read it."""
        self._used -= cost
        self.allow(self._allowed)

    def grant(self) -> int:
        """A new running total to tell the peer, or 0 while half the window is still open."""
        if self._granted - self._consumed > LINK_WINDOW // 2:
            return 0
        self._granted = self._consumed + LINK_WINDOW
        return self._granted

    def allow(self, total: int) -> None:
        """The peer's running total; what waited and now fits moves to the outbox."""
        self._allowed = max(self._allowed, total)
        waiting = self._waiting
        while waiting and self._used + waiting[0][2] <= self._allowed:
            data, note, cost = waiting.popleft()
            self._used += cost
            self._outbox.append((data, note))

    def unsent(self) -> list[Any]:
        """Notes of messages of which nothing was sent, oldest first."""
        notes = [note for _, note in self._outbox if note is not None]
        notes += [note for _, note, _ in self._waiting or () if note is not None]
        return notes + [cut.note for cut in self._cuts.unstarted() if cut.note is not None]
