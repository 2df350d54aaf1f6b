"""What applications declare: each once under its name, in the order of places."""

from operator import attrgetter
from typing import NamedTuple

from bifang.core.registry import Registry


class Named(NamedTuple):
    name: str
    worth: int = 0


def test_declared_twice_is_there_once_as_it_was_last_said() -> None:
    things = Registry[Named](attrgetter("name"))
    things.add(Named("b", 1), Named("a"))
    things.add(Named("b", 2))
    assert [(each.name, each.worth) for each in things] == [("b", 2), ("a", 0)]
    assert things.get("c") is None


def test_places_come_before_the_order_of_declaration() -> None:
    things = Registry[Named](attrgetter("name"))
    things.add(Named("last"), place=30)
    things.add(Named("first"), Named("second"), place=10)
    assert [each.name for each in things] == ["first", "second", "last"]


def one() -> None:
    """A function."""


def two() -> None:
    """Another one."""


def test_functions_are_named_by_where_they_stand() -> None:
    things = Registry[object]()
    things.add(one, two, one)
    assert list(things) == [one, two]
    things.remove(one)
    assert list(things) == [two]
