"""What a key-holder signs to get a token."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

from msgspec.structs import replace

from chatixia.core.assertion import asserter, assertion
from tests.core.circle import NOW, agent

WORKER = agent("worker")


def claims(text: str) -> dict[str, object]:
    body = text.split(".")[1]
    said: dict[str, object] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return said


def test_it_names_who_asks_of_which_mesh_and_answers_one_nonce():
    made = assertion(WORKER.sign.jws, WORKER.chain, WORKER.mesh, "a nonce", NOW + 0.7)
    assert made.chain == WORKER.chain
    assert claims(made.assertion) == {
        "sub": "worker",
        "aud": WORKER.mesh,
        "iat": int(NOW),
        "exp": int(NOW) + 60,
        "nonce": "a nonce",
    }


def test_it_is_made_by_the_chain_as_that_is_then():
    me = replace(WORKER.me(), jws=WORKER.sign.jws)
    make = asserter(me)
    assert make is not None
    me.chain = me.chain[:1]
    assert make("n", NOW).chain == WORKER.chain[:1]


def test_who_signs_no_such_thing_makes_none():
    assert asserter(WORKER.me()) is None
