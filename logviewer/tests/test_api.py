"""The logs API under the reference's names: every route, field and error; L1, L7 and L8."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from logviewer import selectors
from logviewer.models import BackendLog, FrontendLog
from logviewer.tests.conftest import a_user
from logviewer.tests.written import AT, stored

pytestmark = pytest.mark.django_db
BACKEND = "/api/logs/backend"
BATCH = "/api/logs/batch"
FRONTEND = "/api/logs/frontend"
READING = (BACKEND, f"{BACKEND}/summary", f"{BACKEND}/export", FRONTEND)
SENDING = (BATCH, FRONTEND)
KINDS: tuple[dict[str, Any], ...] = (
    {"message": "Order C-BTC-100000 filled", "event": "order.filled", "strategy_id": "s1", "correlation_id": "c1"},
    {"message": "Quote is late", "level": "WARNING", "event": "quote.late", "logger": "trading.venues.delta"},
    {"message": "Order refused", "level": "ERROR", "event": "order.refused", "strategy_id": "s1"},
    {
        "message": "Signed in",
        "logger": "accounts",
        "event": "login",
        "timestamp": (AT + timedelta(hours=3)).isoformat(),
    },
)


def entry(**fields: Any) -> dict[str, Any]:
    """A report of a browser."""
    return {"level": "error", "message": "It broke", "timestamp": "2026-11-22T10:30:00Z", **fields}


def found(api: APIClient, **query: Any) -> list[str]:
    """The messages of a page."""
    response = api.get(BACKEND, query)
    assert response.status_code == 200, response.content
    return [item["message"] for item in response.json()["items"]]


def test_a_page_has_every_field_under_the_reference_s_name(api: APIClient) -> None:
    stored(*KINDS)
    body = api.get(BACKEND, {"page_size": 2, "page": 2}).json()
    assert {name: body[name] for name in ("total", "page", "page_size", "pages", "is_capped", "is_partial")} == {
        "total": 4,
        "page": 2,
        "page_size": 2,
        "pages": 2,
        "is_capped": False,
        "is_partial": False,
    }
    item = body["items"][1]
    assert item["payload"]["message"] == "Order C-BTC-100000 filled"
    assert {name: value for name, value in item.items() if name not in ("id", "payload")} == {
        "logged_at": "2026-11-22T10:30:00Z",
        "ingested_at": "2026-11-22T10:35:00Z",
        "level": "INFO",
        "logger_name": "trading.engine",
        "event": "order.filled",
        "message": "Order C-BTC-100000 filled",
        "correlation_id": "c1",
        "strategy_id": "s1",
        "request_id": None,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["Signed in", "Order refused", "Quote is late", "Order C-BTC-100000 filled"]),
        ({"level": "WARN"}, ["Quote is late"]),
        ({"level": "warning"}, ["Quote is late"]),
        ({"level": "debug"}, []),
        ({"event": "login"}, ["Signed in"]),
        ({"strategyId": "s1"}, ["Order refused", "Order C-BTC-100000 filled"]),
        ({"correlationId": "c1"}, ["Order C-BTC-100000 filled"]),
        ({"logger": "VENUES"}, ["Quote is late"]),
        ({"logger": "_"}, []),
        ({"logger": "trading", "level": "INFO"}, ["Order C-BTC-100000 filled"]),
        ({"search": "order"}, ["Order refused", "Order C-BTC-100000 filled"]),
        ({"search": "c-btc-1000"}, ["Order C-BTC-100000 filled"]),
        ({"search": "der"}, ["Order refused", "Order C-BTC-100000 filled"]),
        ({"search": "d"}, ["Signed in", "Order refused", "Order C-BTC-100000 filled"]),
        ({"search": "filled order"}, []),
        ({"search": "order", "level": "ERROR"}, ["Order refused"]),
        ({"search": "order", "strategyId": "s1", "endTime": "2026-11-22T10:30:01Z"}, ["Order C-BTC-100000 filled"]),
        ({"search": "%"}, []),
        ({"search": "orde_"}, []),
        ({"search": '" OR 1'}, []),
        ({"startTime": "2026-11-22T10:30:02Z"}, ["Signed in", "Order refused"]),
        ({"startTime": "2026-11-22T10:30:01", "endTime": "2026-11-22T10:30:02"}, ["Order refused", "Quote is late"]),
        ({"endTime": "2026-11-22T16:00:01+05:30"}, ["Quote is late", "Order C-BTC-100000 filled"]),
        ({"startTime": "2026-11-22T11:00:00Z", "endTime": "2026-11-22T13:00:00Z"}, []),
        ({"page": 9}, []),
    ],
)
def test_it_filters(api: APIClient, query: dict[str, Any], expected: list[str]) -> None:
    stored(*KINDS)
    assert found(api, **query) == expected
    if "page" not in query:
        assert api.get(BACKEND, query).json()["total"] == len(expected)
        assert api.get(f"{BACKEND}/summary", query).json()["total"] == len(expected)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"level": "INFO"},
        {"startTime": "2026-11-22T10:45:00Z"},
        {"endTime": "2026-11-22T14:05:00Z"},
        {"startTime": "2026-11-22T10:45:00Z", "endTime": "2026-11-22T14:05:00Z"},
        {"startTime": "2026-11-22T11:05:00Z", "endTime": "2026-11-22T11:45:00Z"},
    ],
)
def test_a_page_far_back_follows_the_one_before_it(
    api: APIClient, monkeypatch: pytest.MonkeyPatch, query: dict[str, Any]
) -> None:
    levels = ("INFO", "INFO", "WARNING")
    stored(*({"timestamp": (AT + timedelta(minutes=7 * n)).isoformat(), "level": levels[n % 3]} for n in range(40)))
    whole = found(api, **query, page_size=100)
    assert len(whole) > 4
    monkeypatch.setattr(selectors, "FAR", 0)
    pages = [found(api, **query, page_size=2, page=page) for page in range(1, len(whole) // 2 + 2)]
    assert [message for page in pages for message in page] == whole


def test_a_page_far_back_is_not_counted_off_line_by_line(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(*({"timestamp": (AT + timedelta(minutes=7 * n)).isoformat()} for n in range(40)))
    monkeypatch.setattr(selectors, "FAR", 0)
    with CaptureQueriesContext(connection) as seen:
        assert len(found(api, page_size=2, page=18)) == 2
    taken = next(query["sql"] for query in seen if "LIMIT 2" in query["sql"])
    assert int(taken.partition("OFFSET ")[2] or 0) < 9


def test_an_offset_whose_plus_was_not_encoded_is_understood(api: APIClient) -> None:
    stored(*KINDS)
    assert len(api.get(f"{BACKEND}?endTime=2026-11-22T16:00:01+05:30").json()["items"]) == 2


def test_the_summary_counts_and_finds_the_latest_warning(api: APIClient) -> None:
    stored(*KINDS)
    body = api.get(f"{BACKEND}/summary").json()
    assert body["level_counts"] == {"ERROR": 1, "INFO": 2, "WARNING": 1}
    assert body["top_loggers"][0] == {"name": "trading.engine", "count": 2}
    assert len(body["top_events"]) == 4
    assert body["latest_entry_at"] == "2026-11-22T13:30:00Z"
    assert body["latest_warning"] == {
        "timestamp": "2026-11-22T10:30:01Z",
        "level": "WARNING",
        "logger_name": "trading.venues.delta",
        "event": "quote.late",
        "message": "Quote is late",
        "correlation_id": None,
        "strategy_id": None,
        "request_id": None,
    }
    assert body["latest_error"]["message"] == "Order refused"
    assert body["ingestion_lag_seconds"] == (timedelta(minutes=5) - timedelta(hours=3)).total_seconds()


def test_the_summary_of_nothing_is_empty(api: APIClient) -> None:
    assert api.get(f"{BACKEND}/summary").json() == {
        "total": 0,
        "is_capped": False,
        "is_partial": False,
        "level_counts": {},
        "top_loggers": [],
        "top_events": [],
        "latest_entry_at": None,
        "latest_error": None,
        "latest_warning": None,
        "ingestion_lag_seconds": None,
    }


def test_a_search_stops_counting_and_says_so(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logviewer.selectors.COUNTED", 3)
    stored(*[{"message": f"order {number}"} for number in range(5)])
    for path in (BACKEND, f"{BACKEND}/summary"):
        body = api.get(path, {"search": "order"}).json()
        assert (body["total"], body["is_capped"]) == (3, True)
    assert found(api, search="order", page=3, page_size=2) == ["order 0"]


def test_the_export_has_the_reference_s_columns_and_no_formulas(api: APIClient) -> None:
    stored({"message": "=cmd()"}, *KINDS)
    response = api.get(f"{BACKEND}/export", {"strategyId": ""})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="backend-logs-export-2')
    rows = list(csv.reader(io.StringIO(b"".join(response).decode())))
    header = "id,logged_at,ingested_at,level,logger_name,event,message,correlation_id,strategy_id,request_id"
    assert ",".join(rows[0]) == f"{header},line_hash,payload"
    assert len(rows) == 6
    assert rows[-1][6] == "'=cmd()"
    assert json.loads(rows[1][-1])["message"] == "Signed in"


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        (BACKEND, {"page": 0}, "page"),
        (BACKEND, {"page_size": 501}, "page_size"),
        (BACKEND, {"startTime": "soon"}, "startTime"),
        (f"{BACKEND}/summary", {"endTime": "0001-01-01T00:00:00+23:00"}, "endTime"),
        (f"{BACKEND}/export", {"format": "xml"}, "format"),
        (f"{BACKEND}/export", {"level": "x" * 17}, "level"),
        (FRONTEND, {"page_size": 0}, "page_size"),
    ],
)
def test_a_filter_out_of_its_range_is_named(api: APIClient, path: str, query: dict[str, Any], field: str) -> None:
    response = api.get(path, query)
    assert (response.status_code, list(response.json()["fields"])) == (422, [field])


@pytest.mark.parametrize("path", READING)
def test_reading_needs_a_user_with_a_role(path: str) -> None:
    client = APIClient()
    assert client.get(path).json() == {"detail": "Not authenticated", "code": "not_authenticated"}
    client.force_authenticate(a_user(""))
    assert client.get(path).status_code == 403


@pytest.mark.parametrize("path", SENDING)
def test_reports_are_stored_shown_and_logged_again(api: APIClient, path: str, caplog: pytest.LogCaptureFixture) -> None:
    given = entry(level="warn", event="htmx", sessionId="b1", correlationId="c9", data={"status": 500, "token": "hush"})
    with caplog.at_level("INFO"):
        response = api.post(path, {"entries": [given, entry(message="two\nlines", data=None)]}, format="json")
    assert (response.status_code, response.json()) == (202, {"stored": 2})
    items = api.get(FRONTEND, {"level": "WARN"}).json()["items"]
    assert len(items) == 1
    assert {name: items[0][name] for name in ("level", "event", "session_id", "correlation_id", "source", "data")} == {
        "level": "WARNING",
        "event": "htmx",
        "session_id": "b1",
        "correlation_id": "c9",
        "source": "frontend",
        "data": {"status": 500, "token": "***"},
    }
    assert items[0]["created_at"] == "2026-11-22T10:30:00Z"
    logged = [record for record in caplog.records if record.name == "app.logs"]
    assert [(record.levelname, record.getMessage()) for record in logged] == [
        ("WARNING", "It broke"),
        ("ERROR", "two lines"),
    ]
    assert vars(logged[0])["reporter"] == "viewer@example.com"


@pytest.mark.parametrize("path", SENDING)
@pytest.mark.parametrize(
    ("entries", "field"),
    [
        ([], "entries"),
        ([entry(level="loud")], "entries.0.level"),
        ([entry(message="   ")], "entries.0.message"),
        ([entry(message="x" * 513)], "entries.0.message"),
        ([entry(timestamp="soon")], "entries.0.timestamp"),
        ([entry(data={"x": "y" * 9000})], "entries.0.data"),
        ([entry(data=[1])], "entries.0.data"),
        ([entry(), entry(event="e" * 129)], "entries.1.event"),
    ],
)
def test_a_report_that_breaks_a_rule_is_refused_at_its_field(
    api: APIClient, path: str, entries: list[Any], field: str
) -> None:
    response = api.post(path, {"entries": entries}, format="json")
    assert response.status_code == 422
    assert any(name.startswith(field) for name in response.json()["fields"]), response.json()
    assert not FrontendLog.objects.exists()


def test_a_batch_that_is_too_long_is_refused_in_the_reference_s_words(api: APIClient) -> None:
    response = api.post(BATCH, {"entries": [entry()] * 101}, format="json")
    assert (response.status_code, response.json()["detail"]) == (400, "Batch size exceeds limit of 100")


def test_a_body_that_is_too_large_is_refused(api: APIClient) -> None:
    response = api.post(BATCH, {"entries": [entry(data={"x": "y" * 8000})] * 40}, format="json")
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_a_key_opens_sending_and_nothing_else(settings: Any) -> None:
    settings.LOG_INGEST_API_KEY = "the right key"
    client = APIClient()
    body = {"entries": [entry()]}
    assert client.post(BATCH, body, format="json", headers={"X-Log-API-Key": "the right key"}).status_code == 202
    wrong = client.post(BATCH, body, format="json", headers={"X-Log-API-Key": "ключ"})
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "Invalid log API key")
    assert client.post(BATCH, body, format="json").status_code == 401
    assert client.get(FRONTEND, headers={"X-Log-API-Key": "the right key"}).status_code in (401, 403)


def test_without_a_key_configured_no_key_opens_anything(settings: Any) -> None:
    settings.LOG_INGEST_API_KEY = None
    response = APIClient().post(BATCH, {"entries": [entry()]}, format="json", headers={"X-Log-API-Key": ""})
    assert (response.status_code, response.json()["detail"]) == (401, "Invalid log API key")


def test_a_beacon_of_our_own_page_is_taken_as_plain_text() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_user(), "django.contrib.auth.backends.ModelBackend")
    body = json.dumps({"entries": [entry()]})
    kind = "text/plain;charset=UTF-8"
    own = client.post(BATCH, body, content_type=kind, headers={"Origin": "http://testserver"})
    assert (own.status_code, own.json()) == (202, {"stored": 1})
    for origin in ({"Origin": "http://elsewhere.example"}, {}):
        assert client.post(BATCH, body, content_type=kind, headers=origin).status_code == 403
    assert client.post(BATCH, "{", content_type=kind, headers={"Origin": "http://testserver"}).status_code == 400


def test_too_many_reports_are_refused_with_the_time_to_come_back(api: APIClient, settings: Any) -> None:
    settings.LOG_INGEST_RATE = "2/min"
    cache.clear()
    answers = [api.post(BATCH, {"entries": [entry()]}, format="json") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert api.get(FRONTEND).status_code == 200
    cache.clear()


def test_reports_are_filtered_and_paged(api: APIClient) -> None:
    entries = [
        entry(message="first", event="a", userId="u1"),
        entry(message="100% second", timestamp="2026-11-22T12:00:00", sessionId="b2"),
    ]
    api.post(BATCH, {"entries": entries}, format="json")
    for query, expected in (
        ({}, ["100% second", "first"]),
        ({"event": "a"}, ["first"]),
        ({"userId": "u1"}, ["first"]),
        ({"sessionId": "b2"}, ["100% second"]),
        ({"search": "FIRST"}, ["first"]),
        ({"startTime": "2026-11-22T11:00:00Z"}, ["100% second"]),
        ({"endTime": "2026-11-22T11:00:00Z"}, ["first"]),
        ({"page": 2, "page_size": 1}, ["first"]),
        ({"page": 3, "page_size": 1}, []),
    ):
        body = api.get(FRONTEND, query).json()
        assert [item["message"] for item in body["items"]] == expected, query


def test_text_no_database_could_hold_is_made_harmless(api: APIClient) -> None:
    body = json.dumps({"entries": [entry(data={"a": "\x00\ud800"})]})
    response = api.generic("POST", BATCH, body, content_type="application/json")
    assert response.status_code == 202, response.content
    assert FrontendLog.objects.get().data == {"a": "\ufffd?"}


def test_an_odd_payload_is_answered_as_plain_json(api: APIClient) -> None:
    stored({"message": "odd", "value": float("nan"), "huge": float("inf"), "lone": "\ud800"})
    payload = api.get(BACKEND).json()["items"][0]["payload"]
    assert (payload["value"], payload["huge"], payload["lone"]) == ("NaN", "Infinity", "?")
    assert BackendLog.objects.count() == 1
