"""How many queries each reading endpoint costs: a committed table, and no more of them with more rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection
from django.http.response import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.services import issue_tokens
from trading.models import EngineCommand, TradingConfiguration
from trading.services.configurations import update_configuration
from trading.tests import factories_control as make
from trading.tests import snapshots
from trading.tests.session_rows import finished_session

pytestmark = pytest.mark.django_db
HERE = Path(__file__).parent
BASELINE: dict[str, int] = json.loads((HERE / "query_counts.json").read_text())
DESCRIBED: dict[str, Any] = yaml.safe_load((HERE.parents[1] / "docs/openapi.yaml").read_text())
READING = sorted(path for path, methods in DESCRIBED["paths"].items() if "get" in methods)


def rows_for(configuration: TradingConfiguration, number: int) -> None:
    """Another configuration with a finished session and a command, and a revision of ``configuration``."""
    another = make.configuration(f"Another {number}", active=False)
    session = finished_session(another, f"delta-strangle-{number}")
    EngineCommand.objects.create(action="stop", session=session, status="done")
    values = {"quantity": 5 + number}
    update_configuration(configuration_id=configuration.pk, values=values, actor=None, source="command")


@pytest.fixture
def platform() -> dict[str, Any]:
    """A platform with two sessions, and the ids that paths want."""
    configuration = make.configuration()
    make.alive_engine(**snapshots.idle())
    session = finished_session(configuration)
    EngineCommand.objects.create(action="stop", session=session, status="done")
    headers = {"Authorization": f"Bearer {issue_tokens(user=make.user('admin'))['access_token']}"}
    ids = {"sessions": session.pk, "configurations": configuration.pk, "commands": EngineCommand.objects.get().pk}
    return {"configuration": configuration, "headers": headers, "ids": ids}


def address(path: str, ids: dict[str, int]) -> str:
    """``path`` with the ids of rows that exist."""
    parts = path.replace("{number}", "1").split("/")
    return "/".join(str(ids.get(parts[at - 1], 1)) if part == "{id}" else part for at, part in enumerate(parts))


def queries_of(client: Client, path: str, platform: dict[str, Any]) -> int:
    """How many queries one answer takes, read to its end; two are asked, since the first may warm a cache."""
    asked = address(path, platform["ids"])
    consume(client.get(asked, headers=platform["headers"]))
    with CaptureQueriesContext(
        connection,
    ) as seen:
        response = client.get(asked, headers=platform["headers"])
        consume(response)
    assert response.status_code == 200, (asked, response.content)
    return len(seen)


def consume(response: HttpResponseBase) -> None:
    """Read a streamed answer to its end."""
    if response.streaming:
        b"".join(response)


def test_the_table_names_every_reading_endpoint_and_no_other() -> None:
    assert sorted(BASELINE) == READING


@pytest.mark.parametrize("path", READING)
def test_an_endpoint_costs_what_the_table_says_however_many_rows_there_are(
    client: Client, platform: dict[str, Any], path: str
) -> None:
    few = queries_of(client, path, platform)
    for number in range(8):
        rows_for(platform["configuration"], number)
    many = queries_of(client, path, platform)
    assert many <= few, f"{path}: {few} queries with one session, {many} with nine"
    assert few <= BASELINE[path], f"{path} takes {few} queries, and {BASELINE[path]} in query_counts.json"
