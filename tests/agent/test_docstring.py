"""Docstrings in the three styles."""

import pytest

from chatixia.agent.docstring import MAX_DESCRIPTION, read

GOOGLE = """Forecast for a city.

    More of it.

    Args:
        city: where,
            on two lines
        days (int): how many

    Returns:
        nothing: at all
    """
NUMPY = """Forecast for a city.

    More of it.

    Parameters
    ----------
    city : str
        where,
        on two lines
    days : int, optional
        how many

    Returns
    -------
    nothing : int
    """
SPHINX = """Forecast for a city.

    More of it.

    :param str city: where,
        on two lines
    :param days: how many
    :returns: nothing
    """


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, SPHINX])
def test_styles(doc: str):
    found = read(doc)
    assert found.text == "Forecast for a city.\n\nMore of it."
    assert found.params == {"city": "where, on two lines", "days": "how many"}


@pytest.mark.parametrize("doc", [None, "", "One line."])
def test_short_ones(doc: str | None):
    assert read(doc) == ((doc or "").strip(), {})


def test_long_ones_are_cut():
    assert len(read("x" * 5000).text) == MAX_DESCRIPTION
