"""Fixtures of every test: a clean database where a test asks for one."""

import contextlib
import gc
import os
import shutil
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings

from tests.databases import BOTH, Database, Templates, postgres_of_the_session

# Hypothesis measures time, too; a busy machine is no fault of the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """One PostgreSQL for the session; xdist workers inherit its address."""
    if hasattr(config, "workerinput"):
        return
    stack = contextlib.ExitStack()
    stack.enter_context(postgres_of_the_session())
    config.add_cleanup(stack.close)


def pytest_collection() -> None:
    """Thousands of tests are made, and none is garbage: until `pytest_collection_finish`."""
    gc.disable()


def pytest_collection_finish() -> None:
    """They stay until the end: tests do not pay for looking through them again and again."""
    gc.freeze()
    gc.enable()


# What the files say that have tests of the two slower targets: a process that imports no others starts sooner.
WORDS = {"outside": ("outside",), "slow and not outside": ("slow", "both_databases")}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Files that have nothing for this target."""
    words = WORDS.get(config.option.markexpr, ())
    return (
        True if words and collection_path.match("test_*.py") and not _says(collection_path, words) else None
    )


def _says(file: Path, words: tuple[str, ...]) -> bool:
    text = file.read_text(encoding="utf-8")
    return any(word in text for word in words)


def _refuse_hidden(items: list[pytest.Item]) -> None:
    """A test whose mark comes from another file would not be found: a comment in its own has to name the mark."""
    for words in WORDS.values():
        files = sorted({item.path for item in items if item.get_closest_marker(words[0])})
        hidden = [str(file) for file in files if not _says(file, words)]
        if hidden:
            raise pytest.UsageError(
                f"{words[0]!r} is nowhere said in {hidden}: its target would not find them"
            )


_sampled: dict[str, str] = {}  # module → its first test on both databases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`both_databases`: the same test on SQLite and on PostgreSQL; `only_postgresql` wins over it.

    `make test` takes a sample of the second pass: the first of every module.
    """
    alone = metafunc.definition.get_closest_marker("only_postgresql")
    if alone or metafunc.definition.get_closest_marker("both_databases"):
        if "vendor" not in metafunc.fixturenames:
            metafunc.fixturenames.append("vendor")
        name = metafunc.definition.name
        first = _sampled.setdefault(metafunc.module.__name__, name) == name
        vendors = ("postgresql",) if alone else ("sqlite", "postgresql") if first else BOTH
        metafunc.parametrize("vendor", vendors, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test with many cases the second pass takes one: its cases differ in data, hardly in what is asked of a database.
    Of a file it takes two tests, unless the file is about what databases do: `both_databases("every test")`."""
    _refuse_hidden(items)
    taken, left = dict[str, set[str]](), list[pytest.Item]()
    for item in sorted(items, key=lambda each: each.nodeid):
        asked = getattr(item, "callspec", None)
        marker = item.get_closest_marker("both_databases")
        if not marker or not asked or asked.params.get("vendor") != "postgresql":
            continue
        name = item.nodeid.partition("[")[0]
        names = taken.setdefault(name.partition("::")[0], set())
        if name in names or (len(names) >= 2 and not marker.args):
            left.append(item)
        names.add(name)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


@pytest.fixture(autouse=True)
def tables_are_looked_for_when_they_change() -> Iterator[None]:
    """Not by the clock: what a test counts is the same at every second. Switching a table on or off looks at once."""
    from secops_agent.services.format_tables import in_use

    in_use.forget()
    yield
    in_use.forget()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`outside("npm")`: without the program it fails, and says what to install."""
    for program in [name for marker in item.iter_markers("outside") for name in marker.args]:
        if not shutil.which(program):
            pytest.fail(f"未安装 {program}：这个测试要用它，请先安装（apt-get install，见 .ci/run）。")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Half a character in what a test logged would end the whole run: xdist sends reports as UTF-8."""
    report = yield
    report.sections = [
        (title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections
    ]
    return report


@pytest.fixture
def vendor(request: pytest.FixtureRequest) -> str:
    """Which database this test runs on."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Templates]:
    """The migrated templates of the session."""
    home = tmp_path_factory.getbasetemp()
    made = Templates(home.parent if "PYTEST_XDIST_WORKER" in os.environ else home)
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


@pytest.fixture
def afternoon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Three in the afternoon of today, where the clock stands: what counts by days must hold just after midnight too."""
    at = timezone.localtime().replace(hour=15, minute=0, second=0, microsecond=0)
    monkeypatch.setattr(timezone, "now", lambda: at.astimezone(UTC))
    return at
