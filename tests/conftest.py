"""Fixtures of every test: a clean database where a test asks for one."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.databases import Database, Templates
from tests.postgres_server import postgres_url


def pytest_configure(config: pytest.Config) -> None:
    """One PostgreSQL for the session; xdist workers inherit its address."""
    if hasattr(config, "workerinput"):
        return
    stack = contextlib.ExitStack()
    os.environ["TEST_DATABASE_URL"] = stack.enter_context(postgres_url())
    config.add_cleanup(stack.close)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`both_databases`: the same test on SQLite and on PostgreSQL; `only_postgresql` wins over it."""
    alone = metafunc.definition.get_closest_marker("only_postgresql")
    if alone or metafunc.definition.get_closest_marker("both_databases"):
        if "vendor" not in metafunc.fixturenames:
            metafunc.fixturenames.append("vendor")
        vendors = ["postgresql"] if alone else ["sqlite", "postgresql"]
        metafunc.parametrize("vendor", vendors, indirect=True)


@pytest.fixture
def vendor(request: pytest.FixtureRequest) -> str:
    """Which database this test runs on."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Templates]:
    """The migrated templates of this process."""
    made = Templates(tmp_path_factory.mktemp("templates"))
    yield made
    made.close()


@pytest.fixture
def _django_db_helper(
    vendor: str, tmp_path: Path, templates: Templates, django_db_blocker: Any
) -> Iterator[Database]:
    """Instead of pytest-django's: a file or a server, never in memory, and no transaction around the test."""
    with django_db_blocker.unblock(), templates.database(vendor, tmp_path / "var") as database:
        yield database


@pytest.fixture
def database(_django_db_helper: Database) -> Database:
    """A clean, migrated database; with `@pytest.mark.both_databases` on SQLite and PostgreSQL."""
    return _django_db_helper
