"""Every operation of the API, with inputs that schemathesis makes up, for every role: no 5xx, nothing undescribed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from accounts.services import create_api_token, issue_tokens
from trading.tests import factories_control as make
from trading.tests import snapshots
from trading.tests.session_rows import finished_session

pytestmark = pytest.mark.django_db
DESCRIBED: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "docs/openapi.yaml").read_text())
OPERATIONS = [
    (path, method) for path, methods in DESCRIBED["paths"].items() for method in methods if method != "parameters"
]
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = {"operator": 12, "viewer": 4, "admin": 4, "anonymous": 2, "token": 4}


@pytest.fixture(scope="module")
def described() -> Iterator[Any]:
    """The committed description, over the WSGI application; its requests leave the test's connection open."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def platform() -> dict[str, User]:
    """Rows of every kind, so that ids which are made up are also found, and a user of each role."""
    finished_session(make.configuration())
    make.alive_engine(**snapshots.live())
    return {role: make.user(role) for role in ("viewer", "operator", "admin")}


def headers_of(role: str, users: dict[str, User]) -> dict[str, str]:
    """What a caller of this role sends."""
    if role == "anonymous":
        return {}
    if role == "token":
        _, secret = create_api_token(actor=users["operator"], name="fuzz", asked=["read", "panic"], days=1)
        return {"Authorization": f"Bearer {secret}"}
    return {"Authorization": f"Bearer {issue_tokens(user=users[role])['access_token']}"}


def checking(operation: Any, headers: dict[str, str], examples: int) -> Callable[[], None]:
    """A run of ``examples`` made-up calls, the same ones every time."""

    @seed(20261122)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS, headers=headers)

    return run


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_it_answers_every_role_as_described(described: Any, platform: dict[str, User], path: str, method: str) -> None:
    operation = described[path][method.upper()]
    for role, examples in EXAMPLES.items():
        checking(operation, headers_of(role, platform), examples)()
