"""The owner's newest confirmation of the revocation list, kept and shown to every login."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from chatixia.core.confirmation import check_confirmation
from chatixia.core.ports import Verify
from chatixia.errors import Conflict, MeshError
from chatixia.registry.call import Handler, RequestContext
from chatixia.store.control.store import Store
from chatixia.wire.trust import Confirm, Confirmation, Done, Signed

from .members import Members

log = logging.getLogger("chatixia.registry")


class ConfirmationService:
    """Verb ``confirm``. ``newest``: the owner's last word, None before the first."""

    def __init__(self, store: Store, members: Members, verify: Verify) -> None:
        self._store, self._members, self._verify = store, members, verify
        self.newest: Signed | None = None
        self._issued = 0

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The verbs that this part answers."""
        return {"confirm": self.confirm}

    async def load(self) -> None:
        """Read what the store has."""
        statement = await self._store.owners.confirmation()
        if statement is None:
            return
        try:
            self.newest, self._issued = statement, self._read(statement).issued
        except MeshError as error:  # of an owner who was revoked since
            self.newest = None
            log.info("the last confirmation counts no more: %s", error)

    async def confirm(self, call: RequestContext, request: Confirm) -> Done:
        """Keep a newer word of the owner. Raises BadSignature, WrongMesh, and Conflict for one of
        another version of the list than this registry has."""
        word = self._read(request.statement)
        if word.version != self._members.list_version:
            raise Conflict(
                f"The owner's revocation list has the version {word.version}, that of the registry"
                f" {self._members.list_version}."
            )
        if word.issued >= self._issued:
            await self._store.owners.confirm(request.statement)
            self.newest, self._issued = request.statement, word.issued
        return Done()

    def _read(self, statement: Signed) -> Confirmation:
        members = self._members
        return check_confirmation(
            statement,
            mesh=members.mesh,
            owner=members.owner,
            verify=self._verify,
            revocations=members.revocations,
        )
