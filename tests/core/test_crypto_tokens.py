"""Sealed values: opened by every key of the ring, by nothing else, and unchanged."""

import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from bifang.core.crypto import Keyring, generate_key
from bifang.core.errors import SecretError

OLD, NEW = generate_key(), generate_key()
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)


@given(VALUES)
def test_what_is_sealed_opens_as_it_was(value: Any) -> None:
    token = Keyring([OLD]).seal(value)
    assert token.isascii()
    assert Keyring([NEW, OLD]).open(token) == value


def test_two_seals_of_a_value_differ_and_hide_it() -> None:
    ring = Keyring([OLD])
    tokens = {ring.seal("secret-value") for _ in range(50)}
    assert len(tokens) == 50
    assert not any("secret" in token for token in tokens)


def test_rotation_tells_what_the_first_key_sealed() -> None:
    token = Keyring([OLD]).seal("x")
    assert Keyring([OLD]).is_current(token)
    assert not Keyring([NEW, OLD]).is_current(token)
    again = Keyring([NEW, OLD]).seal("x")
    assert Keyring([NEW, OLD]).is_current(again)
    assert Keyring([NEW]).open(again) == "x"


def test_what_fernet_sealed_earlier_is_opened() -> None:
    token = Fernet(OLD.encode()).encrypt(json.dumps("旧").encode()).decode()
    assert Keyring([NEW, OLD]).open(token) == "旧"
    assert not Keyring([NEW, OLD]).is_current(token)


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_changed_token_is_refused(place: int) -> None:
    token = Keyring([OLD]).seal("a value of some length")
    changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    with pytest.raises(SecretError, match="密文"):
        Keyring([OLD]).open(changed)


@pytest.mark.parametrize("token", ["", "2.", "2.!", "2.短", "2.AAAA", "gAAAA-not", "plain"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(SecretError):
        Keyring([OLD, NEW]).open(token)


def test_token_with_something_in_between_is_refused() -> None:
    token = Keyring([OLD]).seal("x")
    with pytest.raises(SecretError):
        Keyring([OLD]).open(f"{token[:9]}!{token[9:]}")


def test_another_key_does_not_open() -> None:
    with pytest.raises(SecretError):
        Keyring([NEW]).open(Keyring([OLD]).seal("x"))
