"""When a peer without a path counts as gone."""

from __future__ import annotations

import pytest

from chatixia.core.absence import ABSENT_SECONDS, ISOLATED_SECONDS, PeerAbsence


def pathless(at: float = 0.0) -> PeerAbsence:
    made = PeerAbsence()
    made.lost_path(at)
    return made


def test_who_has_a_path_is_not_gone_whatever_the_registry_says():
    made = PeerAbsence()
    made.left(0.0, clean=True)
    assert not made.has_departed(1e6, up=True) and not made.has_departed(1e6, up=False)
    made = pathless()
    made.left(0.0, clean=True)
    made.has_path()
    assert not made.has_departed(1e6, up=True)


def test_who_is_at_the_registry_is_not_gone_while_that_can_be_asked():
    made = pathless()
    assert not made.has_departed(1e6, up=True)
    assert not made.has_departed(ISOLATED_SECONDS - 0.1, up=False)
    assert made.has_departed(ISOLATED_SECONDS, up=False)


def test_a_goodbye_counts_at_once():
    made = pathless(5.0)
    made.left(5.0, clean=True)
    assert made.has_departed(5.0, up=True) and made.has_departed(5.0, up=False)


@pytest.mark.parametrize(("left", "lost"), [(0.0, 7.0), (7.0, 0.0)])
def test_an_end_without_goodbye_counts_a_while_after_the_later_of_the_two(left: float, lost: float):
    made = pathless(lost)
    made.left(left, clean=False)
    for up in (True, False):
        assert not made.has_departed(7.0 + ABSENT_SECONDS - 0.1, up)
        assert made.has_departed(7.0 + ABSENT_SECONDS, up)


def test_who_comes_back_is_there_and_its_goodbye_forgotten():
    made = pathless()
    made.left(0.0, clean=True)
    made.returned()
    assert made.left_at is None and not made.has_departed(1e6, up=True)
    made.left(10.0, clean=False)
    assert not made.has_departed(10.0, up=True)
