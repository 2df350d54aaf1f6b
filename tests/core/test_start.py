"""How a process starts: what it does not do."""

import gc

import pytest
from django.core.management import get_commands, load_command_class

from tests.architecture.test_house_rules import commands


def test_what_a_start_makes_is_not_looked_through_for_garbage_again() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000


@pytest.mark.parametrize("name", commands())
def test_command_starts_without_loading_every_page(name: str) -> None:
    assert not load_command_class(get_commands()[name], name).requires_system_checks
