"""JSON by the fast library means what the standard one means."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifang.core.notation import decode, encode

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def _loosely(value: Any) -> Any:
    """Integers above 64 bits may have become floats."""
    if isinstance(value, list):
        return [_loosely(one) for one in value]
    if isinstance(value, dict):
        return {key: _loosely(one) for key, one in value.items()}
    return float(value) if isinstance(value, int) and abs(value) >= 2**63 else value


@given(VALUES)
def test_what_is_written_reads_the_same(value: Any) -> None:
    assert json.loads(encode(value)) == value


@given(st.text() | VALUES.map(json.dumps))
def test_what_the_standard_library_reads_is_read_and_nothing_else(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError):
            decode(text)
        return
    assert _loosely(decode(text)) == _loosely(expected)


@pytest.mark.parametrize("text", ['{"a":NaN}', '"\\ud800"', "1e400"])
def test_what_only_the_standard_library_reads_is_read_by_it(text: str) -> None:
    assert repr(decode(text)) == repr(json.loads(text))


def test_lone_surrogates_are_written_escaped() -> None:
    assert encode({"messageId": "\ud800"}) == '{"messageId":"\\ud800"}'
    assert encode({1: 2**70}) == '{"1":1180591620717411303424}'


def test_what_no_json_number_is_is_written_as_null() -> None:
    assert encode([float("nan"), float("-inf")]) == "[null,null]"


def test_what_is_no_json_is_refused_unless_it_is_turned_into_it() -> None:
    with pytest.raises(TypeError):
        encode({"a": object()})
    assert encode({"a": {1, 2}}, default=sorted) == '{"a":[1,2]}'
