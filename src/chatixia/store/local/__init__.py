"""What one principal remembers across restarts: pins and revocations."""

from __future__ import annotations

from .store import LocalStore

__all__ = ["LocalStore"]
