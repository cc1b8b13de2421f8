"""What one principal remembers across restarts: pins, revocations, calls it has served."""

from __future__ import annotations

from .store import EarlierCall, LocalStore

__all__ = ["EarlierCall", "LocalStore"]
