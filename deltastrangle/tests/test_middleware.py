"""Headers on every response: policy, correlation id, origins."""

from __future__ import annotations

import json
import logging

import pytest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import AsyncClient, Client, RequestFactory
from pytest_django import Settings

from deltastrangle.logs import JsonFormatter, correlation_id
from deltastrangle.middleware import CorrelationIdMiddleware, CorsMiddleware

pytestmark = pytest.mark.django_db


def directives(client: Client) -> dict[str, str]:
    """The content security policy of a response, by directive."""
    policy = client.get("/healthz").headers["Content-Security-Policy"]
    return {name: sources for name, _, sources in (part.partition(" ") for part in policy.split("; "))}


def test_the_policy_allows_nothing_but_our_own(client: Client) -> None:
    assert directives(client) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


def test_responses_carry_the_other_security_headers(client: Client) -> None:
    headers = client.get("/healthz").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"


def test_it_keeps_the_callers_correlation_id(client: Client) -> None:
    response = client.get("/healthz", headers={"X-Correlation-ID": "order-7.a_b"})
    assert response.headers["X-Correlation-ID"] == "order-7.a_b"


@pytest.mark.parametrize("given", ["", "with space", "x" * 129, 'a"b', "<b>"])
def test_it_makes_an_id_where_the_callers_is_missing_or_odd(client: Client, given: str) -> None:
    made = client.get("/healthz", headers={"X-Correlation-ID": given}).headers["X-Correlation-ID"]
    assert made != given
    assert len(made) == 32


async def test_it_works_in_an_asynchronous_stack(async_client: AsyncClient) -> None:
    response = await async_client.get("/healthz", headers={"X-Correlation-ID": "abc"})
    assert response.headers["X-Correlation-ID"] == "abc"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


def test_the_id_is_in_what_the_view_logs_and_gone_afterwards() -> None:
    lines = []

    def view(request: HttpRequest) -> HttpResponseBase:
        lines.append(JsonFormatter().format(logging.makeLogRecord({"msg": "hello"})))
        return HttpResponse()

    CorrelationIdMiddleware(view)(RequestFactory().get("/", headers={"X-Correlation-ID": "abc"}))
    assert json.loads(lines[0])["correlation_id"] == "abc"
    assert correlation_id() == ""


def test_djangos_own_complaint_about_a_request_has_its_id(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.get("/api/nowhere", headers={"X-Correlation-ID": "abc"})
    written = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert (written["message"], written["correlation_id"]) == ("Not Found: /api/nowhere", "abc")
    assert "request" not in written


def cors(method: str, origin: str, path: str = "/api/trading/runtime", **headers: str) -> HttpResponseBase:
    """The response to a request from `origin`."""
    middleware = CorsMiddleware(lambda request: HttpResponse("body"))
    response = middleware(RequestFactory().generic(method, path, headers={"Origin": origin, **headers}))
    assert isinstance(response, HttpResponseBase)
    return response


def test_no_origin_is_allowed_by_default(client: Client) -> None:
    headers = client.get("/api/nowhere", headers={"Origin": "https://desk.example"}).headers
    assert "Access-Control-Allow-Origin" not in headers


def test_an_allowed_origin_may_call_the_api_and_nothing_else(settings: Settings) -> None:
    settings.ALLOWED_ORIGINS = ["https://desk.example"]
    assert cors("GET", "https://desk.example").headers["Access-Control-Allow-Origin"] == "https://desk.example"
    assert "Access-Control-Allow-Credentials" not in cors("GET", "https://desk.example").headers
    assert "Access-Control-Allow-Origin" not in cors("GET", "https://other.example").headers
    assert "Access-Control-Allow-Origin" not in cors("GET", "https://desk.example", "/history/").headers


def test_a_preflight_is_answered_before_any_view(settings: Settings) -> None:
    settings.ALLOWED_ORIGINS = ["https://desk.example"]
    ask = {"Access-Control-Request-Method": "POST"}
    assert cors("OPTIONS", "https://desk.example", **ask).status_code == 204
    assert cors("OPTIONS", "https://other.example", **ask).status_code == 200


def test_what_the_references_pages_send_passes_a_preflight(settings: Settings) -> None:
    settings.ALLOWED_ORIGINS = ["https://desk.example"]
    answer = cors("OPTIONS", "https://desk.example", **{"Access-Control-Request-Method": "POST"})
    allowed = {name.strip().lower() for name in answer["Access-Control-Allow-Headers"].split(",")}
    sent = {"authorization", "content-type", "idempotency-key", "x-correlation-id"}
    assert allowed == sent | {"x-client-session", "x-log-api-key"}
    assert "Content-Disposition" in answer["Access-Control-Expose-Headers"]
