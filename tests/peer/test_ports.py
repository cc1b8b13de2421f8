"""What stands behind each port has all that the port names."""

from __future__ import annotations

import pytest

from chatixia.peer import ports
from chatixia.peer.control.session import Signaling
from chatixia.peer.links.driver import LinkDriver
from tests.peer.relay import RecordingListener


@pytest.mark.parametrize(
    ("port", "kind"),
    [
        (ports.LinkLayer, LinkDriver),
        (ports.LinkListener, RecordingListener),
        (ports.RegistryPort, Signaling),
        (ports.RegistryLogin, Signaling),
    ],
)
def test_each_method_of_a_port_is_there(port, kind):
    names = {name for name, value in vars(port).items() if callable(value)}
    assert {name for name in names if not name.startswith("_")} <= set(dir(kind))


def test_access_without_a_key_asks_for_no_token():
    assert ports.Access("https://mesh", "token").assert_key is None
