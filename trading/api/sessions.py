"""The API of sessions: a page of them, all of one, and putting away what never came to anything."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deltastrangle.csv_export import stream_csv
from deltastrangle.exceptions import ApplicationError
from trading.api.control import TradingView, caller, validated
from trading.api.decisions import DecisionsQuery, DecisionsRead
from trading.api.serializers import (
    CleanupRead,
    SessionDetailQuery,
    SessionDetailRead,
    SessionExportQuery,
    SessionPageRead,
    SessionQuery,
)
from trading.api.session_rows import detail_body, page_body
from trading.selectors.session_export import COLUMNS, export_rows
from trading.selectors.sessions import list_sessions, matching_sessions, session_detail
from trading.selectors.traces import decisions_between
from trading.services.control import cleanup_sessions


class SessionsView(TradingView):
    """A page of sessions."""

    @extend_schema(operation_id="trading_sessions", parameters=[SessionQuery], responses=SessionPageRead)
    def get(self, request: Request) -> Response:
        """200; 422 for a page or a filter outside its range."""
        asked = validated(SessionQuery(data=request.query_params))
        return Response(page_body(list_sessions(**asked), full=asked["full"]))


class SessionView(TradingView):
    """All of one session."""

    @extend_schema(operation_id="trading_session", parameters=[SessionDetailQuery], responses=SessionDetailRead)
    def get(self, request: Request, pk: str) -> Response:
        """200; 404 `Session not found`; 422 for a number of points outside its range."""
        asked = validated(SessionDetailQuery(data=request.query_params))
        return Response(detail_body(session_detail(int(pk), points=asked["points"])))


class DecisionsView(TradingView):
    """What a session decided and why: its journal and the trace of its exit rules."""

    @extend_schema(operation_id="trading_session_decisions", parameters=[DecisionsQuery], responses=DecisionsRead)
    def get(self, request: Request, pk: str) -> Response:
        """200; 404 `Session not found`; 422 for a page or a time that cannot be read, or `at` beside `from` or `to`."""
        asked = validated(DecisionsQuery(data=request.query_params))
        return Response(DecisionsRead(decisions_between(int(pk), **asked)).data)


class SessionExportView(TradingView):
    """Sessions as CSV, in the reference's columns."""

    @extend_schema(
        operation_id="trading_sessions_export",
        parameters=[SessionExportQuery],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.BINARY, "One row per session, newest first."),
            400: OpenApiResponse(None, "`Only CSV export is supported`."),
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """200, streamed; 400 `Only CSV export is supported`; 422 for a filter outside its range."""
        asked = validated(SessionExportQuery(data=request.query_params))
        if asked.pop("format").lower() != "csv":
            raise ApplicationError("Only CSV export is supported")
        name = f"trading-sessions-{timezone.now():%Y%m%dT%H%M%SZ}.csv"
        return stream_csv(COLUMNS, export_rows(matching_sessions(**asked)), filename=name)


class CleanupView(TradingView):
    """Put away an open session that nobody guards and that never sent an order."""

    @extend_schema(operation_id="trading_sessions_cleanup", request=None, responses=CleanupRead)
    def post(self, request: Request) -> Response:
        """200 with the count; 403, 409 for a session with orders."""
        result = cleanup_sessions(actor=caller(request), source="api", request=request._request)
        return Response(CleanupRead(result).data)
