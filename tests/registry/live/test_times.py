"""Times of the described records."""

from chatixia.registry.live.times import rfc3339


def test_times_are_rfc_3339():
    assert rfc3339(0) == "1970-01-01T00:00:00.000+00:00"
