"""What a person's hub role allows: which verbs, which events, and whether the content of work."""

from __future__ import annotations

from chatixia.core.ports import Principal
from chatixia.wire.people import EVENT_ROLES, ROLES, Role


def may(person: Principal, role: Role) -> bool:
    """Whether ``person`` has at least ``role``."""
    return person.role in ROLES[ROLES.index(role) :]


def hears(principal: Principal | None, kind: str) -> bool:
    """Whether a watcher is told of events of ``kind``: the owner of all, a person by its role."""
    if principal is None:
        return False
    return principal.kind != "person" or may(principal, EVENT_ROLES.get(kind, "admin"))


def reads_content(principal: Principal) -> bool:
    """Whether payloads, results and the like may be shown to it: a viewer sees metadata alone."""
    return principal.kind != "person" or may(principal, "operator")
