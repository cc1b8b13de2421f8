"""Bad arguments as sentences that tell how to mend the call."""

import enum
from typing import Annotated

import msgspec
import pytest

from chatixia.agent.arguments import refusal


class Color(enum.Enum):
    RED = "red"


class Place(msgspec.Struct, forbid_unknown_fields=True):
    city: str


class Args(msgspec.Struct, forbid_unknown_fields=True):
    city: str
    days: Annotated[int, msgspec.Meta(ge=1)] = 3
    color: Color = Color.RED
    places: list[Place] = []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{}", "forecast: the argument city is missing."),
        (b'{"city":3}', "forecast: city: expected str, got int."),
        (b'{"city":"x","days":"2"}', "forecast: days: expected int, got str."),
        (b'{"city":"x","days":0}', "forecast: days: expected int >= 1."),
        (b'{"city":"x","day":2}', "forecast: there is no argument day; did you mean days?"),
        (
            b'{"city":"x","zzz":2}',
            "forecast: there is no argument zzz; it takes city, days, color, places.",
        ),
        (b"[]", "forecast: the arguments must be an object, not array."),
        (b"null", "forecast: the arguments must be an object, not null."),
        (b'{"city":"x","color":"b"}', "forecast: color: invalid enum value 'b'."),
        (b'{"city":"x","places":[{}]}', "forecast: the argument places[0].city is missing."),
        (
            b'{"city":"x","places":[{"city":"a","b":1}]}',
            "forecast: places[0] has no field b.",
        ),
    ],
)
def test_sentences(body: bytes, says: str):
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Args)
    assert refusal("forecast", Args.__struct_fields__, caught.value).message == says


def test_a_skill_without_arguments():
    error = msgspec.ValidationError("Object contains unknown field `x`")
    assert refusal("f", (), error).message == "f: there is no argument x; it takes none."


def test_any_other_complaint_is_one_line():
    assert refusal("f", (), ValueError("Bad\nthing")).message == "f: bad."


def test_names_from_outside_are_cut():
    error = msgspec.ValidationError(f"Object contains unknown field `{'x' * 5000}`")
    assert len(refusal("f", ("a",), error).message) < 200
