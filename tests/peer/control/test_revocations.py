"""Revocations that a registry passes on."""

from __future__ import annotations

from chatixia.core.revocation import sign_revocation
from chatixia.errors import Revoked
from chatixia.peer.control.revocations import RevocationReceiver
from chatixia.wire.trust import Revocation
from tests.core.circle import NOW, agent, owner
from tests.peer.front import me


class Watch:
    def __init__(self) -> None:
        self.me, self.new, self.errors = me(), [], []
        self.receiver = RevocationReceiver(
            self.me, lambda _: self.new.append(1), self.errors.append
        )

    def receive(self, name: str, signer) -> None:  # type: ignore[no-untyped-def]
        revocation = Revocation(self.me.mesh, "default", name, 3, NOW, 1)
        self.receiver.receive(sign_revocation(revocation, signer.sign.sign))


def test_only_the_owners_word_is_kept_and_only_once():
    watch = Watch()
    watch.receive("bob", agent("eve"))
    assert not watch.new and not watch.me.book.revocations
    watch.receive("bob", owner())
    watch.receive("bob", owner())
    assert watch.new == [1] and ("default", "bob") in watch.me.book.revocations
    assert not watch.errors


def test_the_owners_word_about_this_member_excludes_it():
    watch = Watch()
    watch.receive(watch.me.id, agent("eve"))
    assert not watch.errors
    watch.receive(watch.me.id, owner())
    (error,) = watch.errors
    assert isinstance(error, Revoked)
