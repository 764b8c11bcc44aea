"""Routes of the logs API."""

from __future__ import annotations

from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import BearerAuthentication
from accounts.api.permissions import IsViewer
from accounts.models import User
from accounts.scopes import SCOPES
from deltastrangle.exceptions import ApplicationError, InvalidInput
from logviewer.api import serializers as shapes
from logviewer.api.callers import BeaconParser, BeaconSession, LogKeyAuthentication, MayReport, ReportThrottle
from logviewer.export import export
from logviewer.models import FrontendLog
from logviewer.selectors import frontend_logs, logs_page, summary_of
from logviewer.services import store_reports

NOT_CSV: Final = "format must be csv"
BIGGEST_BODY: Final = 262_144
REPORTED: Final = {
    202: shapes.StoredRead,
    413: OpenApiResponse(description="The body has more than 256 KiB."),
    429: OpenApiResponse(description="Too often; `Retry-After` says when to come back."),
}


class TooLarge(ApplicationError):
    """The body is longer than anybody has reason to send."""

    status = 413
    code = "too_large"


class BackendView(APIView):
    """Lines of our own processes."""

    permission_classes = (IsViewer,)

    @extend_schema(operation_id="logs_backend", parameters=[shapes.LinesQuery], responses=shapes.LinePageRead)
    def get(self, request: Request) -> Response:
        """200 with a page, the newest first; 422 for a filter or a page out of its range."""
        asked = shapes.LinesQuery(data=request.query_params)
        query = asked.query()
        number, size = asked.validated_data["page"], asked.validated_data["page_size"]
        found = logs_page(query, page=number, page_size=size)
        items = [shapes.line_body(line) for line in found.items]
        told = {"is_capped": found.is_capped, "is_partial": found.is_partial, "items": items}
        return Response({**_pages(found.total, number, size), **told})


class SummaryView(APIView):
    """Figures over the lines of our own processes."""

    permission_classes = (IsViewer,)

    @extend_schema(operation_id="logs_backend_summary", parameters=[shapes.FilterQuery], responses=shapes.SummaryRead)
    def get(self, request: Request) -> Response:
        """200, also when there is nothing; 422 for a filter out of its range."""
        return Response(shapes.summary_body(summary_of(shapes.FilterQuery(data=request.query_params).query())))


class ExportView(APIView):
    """The lines of our own processes as CSV."""

    permission_classes = (IsViewer,)

    @extend_schema(
        operation_id="logs_backend_export",
        parameters=[shapes.ExportQuery],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """200 streamed; 422 `format must be csv`, or for a filter out of its range."""
        if request.query_params.get("format", "csv").lower() != "csv":
            raise InvalidInput(NOT_CSV, fields={"format": [NOT_CSV]})
        return export(shapes.ExportQuery(data=request.query_params).query())


class ReportingView(APIView):
    """Base of the two addresses that take reports of browsers."""

    authentication_classes = (LogKeyAuthentication, BearerAuthentication, BeaconSession)
    permission_classes = (MayReport,)
    parser_classes = (JSONParser, BeaconParser)
    throttle_classes = (ReportThrottle,)
    write_scopes = SCOPES

    def take(self, request: Request) -> Response:
        """Check and store a batch."""
        if len(request._request.body) > BIGGEST_BODY:
            raise TooLarge(f"At most {BIGGEST_BODY} bytes.")
        given = shapes.BatchGiven(data=request.data)
        given.is_valid(raise_exception=True)
        reporter = request.user.email if isinstance(request.user, User) else ""
        stored = store_reports(given.validated_data["entries"], reporter=reporter)
        return Response({"stored": stored}, status=202)


class BatchView(ReportingView):
    """Reports of browsers."""

    @extend_schema(operation_id="logs_batch", request=shapes.BatchGiven, responses=REPORTED)
    def post(self, request: Request) -> Response:
        """202 with how many were stored; 400 `Batch size exceeds limit of …`; 401 `Invalid log API key`; 422; 429."""
        return self.take(request)


class FrontendView(ReportingView):
    """Reports of browsers: sending, and reading them."""

    @extend_schema(operation_id="logs_frontend_report", request=shapes.BatchGiven, responses=REPORTED)
    def post(self, request: Request) -> Response:
        """The same as `/api/logs/batch`."""
        return self.take(request)

    @extend_schema(operation_id="logs_frontend", parameters=[shapes.ReportsQuery], responses=shapes.ReportPageRead)
    def get(self, request: Request) -> Response:
        """200 with a page, the newest first; 422 for a filter or a page out of its range. A log key reads nothing."""
        asked = shapes.ReportsQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        rows = frontend_logs(**given)
        pages = _pages(Paginator(rows, given["page_size"]).count, given["page"], given["page_size"])
        first = (given["page"] - 1) * given["page_size"]
        return Response({**pages, "items": [_report(row) for row in rows[first : first + given["page_size"]]]})

    def get_permissions(self) -> list[Any]:
        """Reading needs a user; a key is only for sending."""
        return [IsViewer()] if self.request.method == "GET" else [MayReport()]


def _pages(total: int, page: int, size: int) -> dict[str, int]:
    return {"total": total, "page": page, "page_size": size, "pages": -(-total // size)}


def _report(row: FrontendLog) -> dict[str, Any]:
    names = ("event", "session_id", "environment", "app_version", "user_id", "correlation_id", "request_id")
    return {
        "id": row.pk,
        "created_at": shapes.iso(row.created_at),
        "received_at": shapes.iso(row.received_at),
        **{name: getattr(row, name) for name in ("level", "message", "source", "data")},
        **{name: getattr(row, name) or None for name in names},
    }
