"""Open sockets are closed by principal, or all when the registry stops."""

from __future__ import annotations

from chatixia.errors import Unauthorized
from chatixia.registry.live.open_sockets import OpenSockets
from chatixia.registry.live.roster import Roster
from chatixia.registry.live.socket import Socket
from tests.registry.live.test_roster import made, said


def opened(*names: str) -> tuple[OpenSockets, Roster, list[Socket]]:
    roster = Roster()
    sockets, logins = OpenSockets(roster), [made(name) for name in names]
    for socket in logins:
        sockets.add(socket)
        roster.admit(socket)
    return sockets, roster, logins


async def test_who_is_dropped_hears_why_and_is_off_the_list():
    sockets, roster, (a, b) = opened("a", "b")
    sockets.drop(Unauthorized("It is over."), lambda principal: principal.id == "a")
    assert a.closed and said(a)[-1]["message"] == "It is over."
    assert not b.closed and roster.agents() == ["b"] and len(sockets) == 2
    sockets.discard(b)
    assert len(sockets) == 1 and not roster.agents()


async def test_at_the_end_all_are_closed_and_no_more_are_taken():
    sockets, _, logins = opened("a", "b")
    assert not sockets.closing
    sockets.close_all()
    assert sockets.closing and all(socket.closed for socket in logins)
