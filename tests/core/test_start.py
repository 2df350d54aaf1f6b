"""How a process starts: what it does not do."""

import gc

from django.core.management import get_commands, load_command_class

from tests.architecture.test_house_rules import commands


def test_what_a_start_makes_is_not_looked_through_for_garbage_again() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000


def test_our_commands_start_without_loading_every_page() -> None:
    loaded = {name: load_command_class(get_commands()[name], name) for name in commands()}
    assert not [name for name, command in loaded.items() if command.requires_system_checks]
