"""Two ends of one link and signaling that loses, delays and repeats, by a seed."""

from __future__ import annotations

import random

from chatixia.core import link as k
from chatixia.errors import Denied, Overloaded

ONE, TWO = "1" * 16, "2" * 16


class World:
    """Two links, signaling that misbehaves, and connections that open when both ends have them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.sides = {"a": k.Link("a", "b", 0.0), "b": k.Link("b", "a", 0.0)}
        self.incarnation = {"a": ONE, "b": TWO}
        self.wire: list[tuple[float, str, tuple]] = []
        self.conns: dict[tuple[str, int], int] = {}  # (side, key) -> attempt
        for name, link in self.sides.items():
            link.present(self.incarnation["b" if name == "a" else "a"], 0.0, [])

    def perform(self, name: str, sink: k.Sink, attempt: int = 0) -> None:
        other = "b" if name == "a" else "a"
        for effect in sink:
            match effect:
                case k.CreateOffer():
                    self.conns[name, effect.key] = effect.attempt
                    self.post(other, ("offer", effect.attempt))
                case k.AcceptOffer():
                    self.conns[name, effect.key] = attempt
                    self.post(other, ("answer", attempt))
                case k.RequestOffer():
                    self.post(other, ("ask",))
                case k.CloseConnection() if not effect.after:
                    self.conns.pop((name, effect.key), None)
                case _:
                    pass

    def post(self, to: str, message: tuple) -> None:
        if self.random.random() < 0.1:
            return
        for _ in range(1 + (self.random.random() < 0.1)):
            self.wire.append((self.now + self.random.uniform(0.001, 0.3), to, message))

    def deliver(self, to: str, message: tuple) -> None:
        link, sink, attempt = self.sides[to], [], 0
        other = "b" if to == "a" else "a"
        try:
            match message:
                case ("offer", attempt):
                    link.guard.offer(self.now)
                    link.offered(self.incarnation[other], attempt, self.now, sink)
                case ("answer", attempt):
                    self.hello(attempt)
                case ("ask",):
                    link.requested(self.incarnation[other], False, self.now, sink)
        except (Denied, Overloaded):
            pass
        self.perform(to, sink, attempt)

    def hello(self, attempt: int) -> None:
        """Both have that connection: it opens at both ends."""
        keys = {n: key for (n, key), at in self.conns.items() if at == attempt}
        if set(keys) != {"a", "b"}:
            return
        for name, key in keys.items():
            sink: k.Sink = []
            self.sides[name].verified(key, self.now, sink)
            self.perform(name, sink)

    def run(self, until: float) -> None:
        while self.now < until:
            self.now = round(self.now + 0.05, 3)
            due = sorted(m for m in self.wire if m[0] <= self.now)
            self.wire = [m for m in self.wire if m[0] > self.now]
            for _, to, message in due:
                self.deliver(to, message)
            for name, link in self.sides.items():
                sink: k.Sink = []
                link.tick(self.now, True, sink)
                self.perform(name, sink)

    def want(self, name: str) -> None:
        sink: k.Sink = []
        self.sides[name].want(self.now, sink)
        self.perform(name, sink)
