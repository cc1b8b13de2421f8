"""The registry's store: one writer thread, few readers, every method durable when it returns."""

from __future__ import annotations

from .task_store import TaskStore
from .trust_store import TrustStore


class Store(TaskStore, TrustStore):
    """All tables of a registry. Async methods run on the caller's loop and answer after fsync.

    Each raises Overloaded (a queue is full), Unavailable (closed, or a read took over 1 s),
    DiskFull (definite) and OutcomeUnknown (the commit failed; the process ends).
    """
