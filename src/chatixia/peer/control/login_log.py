"""What the log says of a login while it is kept up: each thing once, until it is another."""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf
from typing import Final

from chatixia.errors import MeshError
from chatixia.ids import is_client_id

log = logging.getLogger("chatixia.peer")

GAP_SECONDS: Final = 10.0
"""For so long after a login came back its next loss is not logged: flickering would fill logs."""


class LoginLog:
    """Of the login of ``name``. ``now``: monotonic seconds."""

    def __init__(self, name: str, now: Callable[[], float]) -> None:
        self._name, self._now = name, now
        self._refusal = ""
        self._is_lost = False
        self._back_at = -inf

    def lost(self, url: str) -> None:
        """There was a login at ``url``, and there is to be one again."""
        if not self._is_lost and self._now() - self._back_at >= GAP_SECONDS:
            self._is_lost = True
            log.warning(
                "%s: the registry %s is lost: calls over open links go on, new links and queued"
                " work wait. Trying again.",
                self._name,
                url,
            )

    def back(self, url: str) -> None:
        """A login stands, now at ``url``."""
        self._refusal = ""
        if self._is_lost:
            self._is_lost, self._back_at = False, self._now()
            log.warning("%s: the registry is back at %s.", self._name, url)

    def refused(self, url: str, error: MeshError) -> None:
        """It is tried again until somebody mends that; so a reason is a warning only once. A client
        reads it as the error of its call."""
        text = f"{url} refuses the login of {self._name}: {error}"
        new = logging.INFO if is_client_id(self._name) else logging.WARNING
        log.log(logging.DEBUG if text == self._refusal else new, "%s", text)
        self._refusal = text
