"""The OpenAPI description: complete, in Chinese, offline, and true (schemathesis calls every operation by it)."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.test import Client
from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test

from secops_agent.services.people import tokens
from tests.secops.api.callers import estate, person, with_token

CHINESE = re.compile(r"[一-鿿]")
# By the addresses alone: what is said of them takes seconds to build, and every process collects the tests.
OPERATIONS = [
    (path, method.lower())
    for path, _, method, _ in EndpointEnumerator().get_api_endpoints()
    if path.startswith("/api/v1/")
]
each_operation = pytest.mark.parametrize(
    ("path", "method"), OPERATIONS, ids=[f"{method.upper()} {path}" for path, method in OPERATIONS]
)


class Application:
    """The web application, made when it is first called: pages without `collectstatic` need the test's settings."""

    def __init__(self) -> None:
        self._handler: WSGIHandler | None = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """As WSGI has it."""
        self._handler = self._handler or WSGIHandler()
        return self._handler(environ, start_response)


# A cursor or a file that we did not make is refused, whatever its type says.
UNGUESSABLE = {"cursor"}
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"deterministic": True, "max-examples": 4, "no-shrink": True, "allow-x00": False, "database": "none", "with-security-parameters": False},
        "phases": {"stateful": {"enabled": False}},
        # A body of any format; a silence whose start, length and weeks do not go together; times and tasks in words; a rule
        # without a condition, or for people who are not listed;
        # a decision whose day or reason belongs to another; a case that is merged into itself.
        "operations": [
            {"include-operation-id": name, "checks": {"positive_data_acceptance": {"enabled": False}}}
            for name in ("ingest", "silences_create", "schedules_create", "findings_decide", "suppression_rules_create", "suppression_rules_replace", "suppression_rules_trial", "cases_merge")
        ],
    }
)  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def description() -> dict[str, Any]:
    """The whole description, as it is sent."""
    return json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))


@pytest.fixture(scope="session")
def schema(description: dict[str, Any]) -> Any:
    """What schemathesis makes of it."""
    made = schemathesis.openapi.from_dict(description, config=CONFIG)
    made.app = Application()
    made.hook("map_query")(leave_out_the_unguessable)
    load_all_checks()
    return made


def leave_out_the_unguessable(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    return {name: value for name, value in query.items() if name not in UNGUESSABLE} if query else query


def test_every_address_is_described_and_no_other(description: dict[str, Any]) -> None:
    told = [(path, method) for path, methods in description["paths"].items() for method in methods]
    assert sorted(told) == sorted(OPERATIONS)


def test_the_description_is_valid_and_complete(tmp_path: Path) -> None:
    call_command(
        "spectacular",
        "--validate",
        "--fail-on-warn",
        "--file",
        str(tmp_path / "schema.yml"),
        stdout=io.StringIO(),
    )


@each_operation
def test_an_operation_is_documented_in_chinese(description: dict[str, Any], path: str, method: str) -> None:
    operation = description["paths"][path][method]
    assert CHINESE.search(operation["summary"])
    assert CHINESE.search(operation["description"])
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            assert CHINESE.search(parameter.get("description", "")), parameter["name"]


def test_every_field_is_documented(description: dict[str, Any]) -> None:
    for name, schema in description["components"]["schemas"].items():
        for field, value in schema.get("properties", {}).items():
            text = str(value)
            assert "description" in text or "$ref" in text or name == "Error", f"{name}.{field}"


@pytest.mark.django_db
def test_the_documentation_opens_without_the_internet() -> None:
    assert Client().get("/api/docs/").status_code == 401
    page = person().get("/api/docs/")
    assert page.status_code == 200
    assert not re.findall(r'(?:src|href)="https?://', page.content.decode())
    assert b"sidecar" in page.content
    assert with_token("read").get("/api/schema/").status_code == 200


@each_operation
@pytest.mark.django_db
def test_every_answer_is_as_described(schema: Any, path: str, method: str, database: Any) -> None:
    headers = {"Authorization": f"Bearer {_token(database)}"}

    @settings(
        max_examples=2,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def call(case: Any) -> None:
        case.call_and_validate(headers=headers)

    # What `schema.parametrize` does for every operation while tests are collected; `from_fixture` knows no pytest 9.2.
    calls = build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=call,
        given_kwargs={},
        feedback=FeedbackSources(),
    )
    calls()


_made: dict[Path, str] = {}


def _token(database: Any) -> str:
    """One token and one estate for all calls of an operation."""
    if database.data_dir not in _made:
        estate(2)
        _made[database.data_dir] = tokens.create("schemathesis", ["read", "write", "ingest"])[1]
    return _made[database.data_dir]
