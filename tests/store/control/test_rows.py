"""What rows say of themselves."""

import pytest

from chatixia.store.control.rows import IdStanding, InvitationRow


@pytest.mark.parametrize(
    ("serial", "revoked", "tombstone"),
    [(0, -1, False), (3, -1, False), (3, 3, True), (3, 4, True), (5, 4, False)],
)
def test_an_id_is_a_tombstone_until_a_higher_record(serial: int, revoked: int, tombstone: bool):
    assert IdStanding(serial, revoked).tombstone is tombstone


def test_an_invitations_state():
    row = InvitationRow("k", "default", "pi", b"[]", redeem_by=100.0)
    assert row.state(100.0) == "waiting"
    assert row.state(100.1) == "expired"
    used = InvitationRow("k", "default", "pi", b"[]", redeem_by=100.0, redeemed_at=50.0)
    assert used.state(60.0) == used.state(200.0) == "redeemed"
    many = InvitationRow("k", "default", "w-*", b"[]", 100.0, reusable=True, redeemed_at=50.0)
    assert many.state(60.0) == "waiting"
    assert many.state(200.0) == "expired"
