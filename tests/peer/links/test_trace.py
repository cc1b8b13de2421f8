"""What a try to open a link leaves in the log, and the cause that it names."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from chatixia.peer.links.trace import MAX_STEPS, LinkTrace
from chatixia.wire.signaling import Answer, IceCandidate, Offer
from tests.peer.relay import nodes
from tests.until import until

HOST = "candidate:1 1 UDP 1 192.168.1.2 5000 typ host"
SRFLX = "candidate:2 1 UDP 1 84.20.1.9 5000 typ srflx raddr 192.168.1.2 rport 5000"


def trace() -> LinkTrace:
    return LinkTrace("bob", 1, lambda: 0.0)


@pytest.mark.parametrize(
    ("mine", "theirs", "cause"),
    [
        ([], [HOST], "this machine has no address"),
        ([HOST], [], "the other side named no address"),
        ([HOST], [HOST, "nonsense"], "only addresses of local networks are known"),
        ([HOST, SRFLX], [HOST], "a firewall or NAT between the two"),
    ],
)
def test_the_likely_cause(mine: list[str], theirs: list[str], cause: str):
    found = trace()
    for side, texts in ((True, mine), (False, theirs)):
        for text in texts:
            found.candidate(text, local=side)
    assert found.likely(True).startswith(cause)
    assert found.likely(False) == ""


def test_candidates_of_a_description_count():
    found = trace()
    found.description(f"v=0\r\na={HOST}\r\na={SRFLX}\r\n", local=False)
    assert found.remote == {"host": 1, "srflx": 1}


def test_a_connection_that_flaps_writes_only_so_much(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "chatixia")
    found = trace()
    for _ in range(1000):
        found.step("connection failed")
    assert len(caplog.records) == MAX_STEPS


async def test_v_says_what_a_link_does(caplog: pytest.LogCaptureFixture):
    """States with their times, the candidates of both sides by type, the verdict."""
    caplog.set_level(logging.INFO, "chatixia")
    async with nodes("alice", "bob") as (_, alice, bob):
        await alice.open(bob)
    text = "\n".join(caplog.messages)
    for part in (
        r"link to bob, try 1, after 0.",
        ": offer sent",
        ": answer came",
        ": connection connected",
        r"link to alice, try 1",
        ": offer came, answer sent",
        ": open, direct, host here",
    ):
        assert part in text, (part, text)
    ends = [line for line in caplog.messages if ": open, direct" in line]
    assert len(ends) == 2 and all("candidates here: " in line for line in ends)


@pytest.mark.parametrize("lost", [(IceCandidate,), (Answer,)])
async def test_a_link_that_fails_names_the_likely_cause(
    caplog: pytest.LogCaptureFixture, lost: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level(logging.INFO, "chatixia")
    monkeypatch.setattr("chatixia.core.link.TRY_SECONDS", 1.0)
    async with nodes("alice", "bob") as (relay, alice, bob):
        relay.bend.drop(*lost)
        alice.driver.want(bob.id)
        await until(lambda: any("given up" in line for line in caplog.messages))
        wanted = (
            "no answer over UDP: the other side named no address"
            if lost == (IceCandidate,)
            else "no answer to the offer"
        )
        assert alice.driver.likely(bob.id) == wanted
        assert alice.driver.likely(alice.id) == ""
        assert relay.of(Offer)
