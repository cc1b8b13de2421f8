"""Values with artifacts as the queue carries them: bounded, and no user data is taken for one."""

from __future__ import annotations

import pytest

from chatixia.core.queued_artifacts import check_sizes, pack, unpack
from chatixia.errors import TooLarge
from chatixia.wire.artifacts import ArtifactInfo
from chatixia.wire.tasks import MAX_PAYLOAD

INFO = ArtifactInfo(3, "ab" * 32, name="a.txt", data=b"abc")


def test_a_value_comes_back_with_its_table():
    value = b'{"photo":{"$artifact":0}}'
    assert unpack(pack(value, (INFO,))) == (value, (INFO,))


def test_a_value_without_artifacts_travels_as_it_is():
    assert pack(b'{"a":1}', ()) == b'{"a":1}'
    assert unpack(b'{"a":1}') == (b'{"a":1}', ())


def test_user_data_in_that_form_stays_user_data():
    forged = pack(b"1", (INFO,))
    assert unpack(pack(forged, ())) == (forged, ())


def test_what_only_begins_like_it_is_user_data():
    odd = b'{"$artifacts":[],"other":1}'
    assert unpack(odd) == (odd, ())


def test_the_refusal_names_the_size_that_fits():
    largest = 767 * 1024
    check_sizes([largest])
    with pytest.raises(TooLarge, match="767 KiB"):
        check_sizes([largest, 20 * 1024])
    with pytest.raises(TooLarge, match="767 KiB"):
        pack(b"1", (ArtifactInfo(1, "ab" * 32, data=bytes(MAX_PAYLOAD)),))
