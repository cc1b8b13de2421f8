"""Sockets are opened all or none; a taken port is one sentence with the cure."""

from __future__ import annotations

import socket

import pytest

from chatixia.assembly.serve.listeners import ListenPlan, bind, stun_urls, urls
from chatixia.errors import ConfigError


def free(**more: object) -> ListenPlan:
    plan = ListenPlan(0, 0, 0)
    for name, value in more.items():
        setattr(plan, name, value)
    return plan


def test_loopback_alone():
    bound = bind(free())
    assert not bound.outer and not bound.stun and bound.stun_port == 0
    assert urls(bound, free()) == [f"http://127.0.0.1:{bound.port}"]
    assert stun_urls(bound, free()) == []
    bound.close()


def test_tls_and_stun_beside_it():
    plan = free(lan=["127.0.0.1"], names=["laptop.local", "m.example", "2001:db8::1"])
    bound = bind(plan)
    tls = bound.tls_port
    assert urls(bound, plan)[1:] == [
        f"https://m.example:{tls}",
        f"https://[2001:db8::1]:{tls}",
        f"https://127.0.0.1:{tls}",
        f"https://laptop.local:{tls}",
    ]
    stun = bound.stun_port
    assert stun_urls(bound, plan) == [
        f"stun:[2001:db8::1]:{stun}",
        f"stun:127.0.0.1:{stun}",
        f"stun:m.example:{stun}",
    ]
    assert bound.stun[0].getsockname() == ("127.0.0.1", bound.stun_port)
    bound.close()


@pytest.mark.parametrize("which", ["port", "tls_port", "stun_port"])
def test_a_taken_port_is_a_sentence_and_opens_nothing(which: str):
    kind = socket.SOCK_DGRAM if which == "stun_port" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        port = holder.getsockname()[1]
        plan = free(lan=["127.0.0.1"], **{which: port})
        with pytest.raises(ConfigError) as found:
            bind(plan)
    said = found.value.message
    assert str(port) in said and f"--{which.replace('_', '-')} {port + 1}" in said
    bind(free(lan=["127.0.0.1"], **{which: port})).close()  # nothing was left open
