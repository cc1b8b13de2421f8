"""Counts for `/metrics`: bounded labels only, never an id (trust.md section 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class Meter:
    """The registry's counters and gauges; ``text`` is the Prometheus exposition."""

    def __init__(self) -> None:
        self._all = CollectorRegistry()
        self._labelled: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._verbs = Counter(
            "chatixia_verbs", "Verbs answered", ["verb", "code"], registry=self._all
        )
        self._seconds = Histogram(
            "chatixia_verb_seconds", "Time to answer", ["verb"], buckets=BUCKETS, registry=self._all
        )
        self._refused = Counter(
            "chatixia_refused", "Input refused before a verb", ["door", "code"], registry=self._all
        )
        self._relayed = Counter(
            "chatixia_relay_bytes", "Bytes of relay streams that passed", registry=self._all
        )
        self._relay_ended = Counter(
            "chatixia_relay_ended", "Relay streams that ended", ["reason"], registry=self._all
        )
        self._tasks = Gauge("chatixia_tasks", "Tasks by state", ["state"], registry=self._all)

    def verb(self, name: str, code: str, seconds: float) -> None:
        """One verb answered with ``code`` ("ok" or an error code)."""
        labelled = self._labelled.get((name, code))
        if labelled is None:  # the library's own lookup costs more than the rest of a verb
            labelled = self._verbs.labels(name, code), self._seconds.labels(name)
            self._labelled[name, code] = labelled
        labelled[0].inc()
        labelled[1].observe(seconds)

    def refused(self, source: str, code: str) -> None:
        """Input turned away before a verb was known."""
        self._refused.labels(source, code).inc()

    def relayed(self, size: int) -> None:
        """Bytes of a relay stream were taken."""
        self._relayed.inc(size)

    def relay_ended(self, reason: str) -> None:
        """An open relay stream ended, by a name of ``wire.relay.RelayReason``."""
        self._relay_ended.labels(reason).inc()

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        """A value that is read when someone asks."""
        Gauge(f"chatixia_{name}", about, registry=self._all).set_function(read)

    def text(self, tasks: Mapping[str, int]) -> bytes:
        """The exposition, with task counts by state as given."""
        for state, count in tasks.items():
            self._tasks.labels(state).set(count)
        return generate_latest(self._all)
