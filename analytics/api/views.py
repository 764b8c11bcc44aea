"""Routes of the analytics API: parse, ask the selectors, write plain JSON."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.permissions import IsViewer
from analytics.api.fields import plain
from analytics.api.history_schema import HistoryRead, SnapshotPageRead
from analytics.api.serializers import DashboardRead, ExportQuery, HistoryQuery, ScopeQuery, SessionsQuery
from analytics.export import export
from analytics.selectors.dashboard import dashboard
from analytics.selectors.history import History, history
from analytics.selectors.scope import Scope, scope_of
from analytics.selectors.sessions import session_figures, sessions_page
from deltastrangle.exceptions import InvalidInput

CSV: Final = "csv"
NOT_CSV: Final = "format must be csv"


class AnalyticsView(APIView):
    """Base: whoever may see the platform may read."""

    permission_classes = (IsViewer,)


class DashboardView(AnalyticsView):
    """The newest session."""

    @extend_schema(operation_id="analytics_dashboard", parameters=[ScopeQuery], responses=DashboardRead)
    def get(self, request: Request) -> Response:
        """200; 422 for a filter out of its range."""
        return Response(plain(dashboard(scope_of(ScopeQuery(data=request.query_params).wish()))))


class HistoryView(AnalyticsView):
    """Figures of a stretch of time."""

    @extend_schema(operation_id="analytics_history", parameters=[HistoryQuery], responses=HistoryRead)
    def get(self, request: Request) -> Response:
        """200, also when there is nothing; 422 for a filter out of its range."""
        query = HistoryQuery(data=request.query_params)
        scope = scope_of(query.wish())
        given = query.validated_data
        found = history(
            scope, points=given["points"], page=given["timeline_page"], page_size=given["timeline_page_size"]
        )
        return Response(history_body(found))


class SessionsView(AnalyticsView):
    """Single sessions with excursions, slippage and the causes of their P&L."""

    @extend_schema(operation_id="analytics_sessions", parameters=[SessionsQuery], responses=SnapshotPageRead)
    def get(self, request: Request) -> Response:
        """200; 422 for a page or a filter out of its range."""
        query = SessionsQuery(data=request.query_params)
        scope = scope_of(query.wish())
        page = sessions_page(scope, page=query.validated_data["page"], page_size=query.validated_data["page_size"])
        told = {name: getattr(page, name) for name in ("page", "page_size", "total", "pages")}
        return Response(plain({"mode": scope.mode, "items": [session_figures(row) for row in page.items], **told}))


class ExportView(AnalyticsView):
    """The history as CSV."""

    @extend_schema(
        operation_id="analytics_export",
        parameters=[ExportQuery],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """200 streamed; 422 `format must be csv`."""
        if request.query_params.get("format", CSV).lower() != CSV:
            raise InvalidInput(NOT_CSV, fields={"format": [NOT_CSV]})
        return export(scope_of(ExportQuery(data=request.query_params).wish()))


def history_body(found: History) -> dict[str, Any]:
    """The answer in the reference's shape."""
    scope, pages = found.scope, found.timeline
    body: dict[str, Any] = plain(
        {
            "generated_at": found.generated_at,
            "mode": scope.mode,
            "range": _range(scope),
            "filters": scope.filters,
            "metrics": found.metrics,
            "kpis": found.kpis,
            "attribution": found.attribution,
            "charts": found.charts,
            "calendar": found.calendar,
            "breakdowns": found.breakdowns,
            "timeline": pages.entries,
            "timeline_pages": {name: getattr(pages, name) for name in ("page", "page_size", "total", "pages")},
            "status": {**plain(found.status), "message": found.status.message or None},
        }
    )
    return body


def _range(scope: Scope) -> dict[str, Any]:
    return {"start": scope.start, "end": scope.end, "preset": scope.preset or None}
