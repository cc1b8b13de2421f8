"""What one principal remembers across restarts: pins, revocations, calls it has served."""

from __future__ import annotations

from .store import LocalStore, Seen

__all__ = ["LocalStore", "Seen"]
