"""Sealed values: opened by every key of the ring, by nothing else, and unchanged."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifang.core.errors import SecretError
from bifang.core.secrets.crypto import Keyring, generate_key

OLD, NEW = generate_key(), generate_key()
PLACE = "a table, a column, a row"
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@pytest.mark.slow
@given(VALUES)
def test_what_is_sealed_opens_as_it_was(value: Any) -> None:
    token = Keyring([OLD]).seal(value, PLACE)
    assert token.isascii()
    assert Keyring([NEW, OLD]).open(token, PLACE) == value


def test_two_seals_of_a_value_differ_and_hide_it() -> None:
    ring = Keyring([OLD])
    tokens = {ring.seal("secret-value", PLACE) for _ in range(50)}
    assert len(tokens) == 50
    assert not any("secret" in token for token in tokens)


def test_rotation_tells_what_the_first_key_sealed() -> None:
    token = Keyring([OLD]).seal("x", PLACE)
    assert Keyring([OLD]).is_current(token, PLACE)
    assert not Keyring([NEW, OLD]).is_current(token, PLACE)
    again = Keyring([NEW, OLD]).seal("x", PLACE)
    assert Keyring([NEW, OLD]).is_current(again, PLACE)
    assert Keyring([NEW]).open(again, PLACE) == "x"


@pytest.mark.slow
@given(st.text(), st.text())
def test_a_seal_opens_at_its_own_place_only(here: str, there: str) -> None:
    ring = Keyring([OLD])
    token = ring.seal("x", here)
    assert ring.is_current(token, here)
    if here != there:
        assert not ring.is_current(token, there)
        with pytest.raises(SecretError):
            ring.open(token, there)


@pytest.mark.parametrize("position", range(0, 60, 7))
def test_changed_token_is_refused(position: int) -> None:
    token = Keyring([OLD]).seal("a value of some length", PLACE)
    changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
    with pytest.raises(SecretError, match="密文"):
        Keyring([OLD]).open(changed, PLACE)


@pytest.mark.parametrize("token", ["", "3.", "3.!", "3.短", "3.AAAA", "2.AAAA", "gAAAA-not", "plain"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(SecretError):
        Keyring([OLD, NEW]).open(token, PLACE)


def test_token_with_something_in_between_is_refused() -> None:
    token = Keyring([OLD]).seal("x", PLACE)
    with pytest.raises(SecretError):
        Keyring([OLD]).open(f"{token[:9]}!{token[9:]}", PLACE)


def test_another_key_does_not_open() -> None:
    with pytest.raises(SecretError):
        Keyring([NEW]).open(Keyring([OLD]).seal("x", PLACE), PLACE)
