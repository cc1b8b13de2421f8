"""The owner's view of the people: links to hand over, and all their pages read to the end."""

from __future__ import annotations

from chatixia.assembly.profile.profile import Profile
from chatixia.assembly.remote.rest import RegistryClient
from chatixia.core.join import is_loopback
from chatixia.ids import person_id
from chatixia.wire.people import (
    PeopleQuery,
    PersonAdd,
    PersonInfo,
    PersonLink,
    PersonRef,
    PersonRole,
    Role,
    SessionInfo,
    SessionRef,
    SessionsQuery,
)


class PeopleClient:
    """People of one profile's registry. A context manager; each method blocks and raises as
    ``RegistryClient.call`` does. A person is named with or without ``hub~``."""

    def __init__(self, profile: Profile) -> None:
        self._rest, self._urls = RegistryClient.owner(profile), profile.registries

    def __enter__(self) -> PeopleClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._rest.close()

    def every(self) -> list[PersonInfo]:
        """All people, in order of id."""
        return self._rest.every("people.list", PeopleQuery(), "people")

    def add(self, name: str, role: Role) -> PersonLink:
        """A new person."""
        invited: PersonLink = self._rest.call("people.add", PersonAdd(name, role))
        return invited

    def link(self, name: str) -> PersonLink:
        """Another link for a person."""
        invited: PersonLink = self._rest.call("people.link", PersonRef(full(name)))
        return invited

    def set_role(self, name: str, role: Role) -> None:
        """What a person may do from now on."""
        self._rest.call("people.role", PersonRole(full(name), role))

    def remove(self, name: str) -> None:
        """Let a person in no more."""
        self._rest.call("people.remove", PersonRef(full(name)))

    def sessions(self, name: str = "") -> list[SessionInfo]:
        """Browser sessions, of one person or of all, the last used first."""
        query = SessionsQuery(full(name) if name else "")
        sessions: list[SessionInfo] = self._rest.every("sessions.list", query, "sessions")
        return sorted(sessions, key=lambda one: -one.last_used)

    def end(self, session: str) -> None:
        """End a browser session by its id."""
        self._rest.call("sessions.end", SessionRef(session))

    def url(self, secret: str) -> str:
        """Where a link's secret opens the hub, for somebody elsewhere if there is such an
        address."""
        outside = [url for url in self._urls if not is_loopback(url)]
        return f"{(outside or self._urls)[0]}/#{secret}"


def full(name: str) -> str:
    """A person's id from its name or id; what names nobody stays, and is not there."""
    return person_id(name) or name[:63]
