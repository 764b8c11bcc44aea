"""The API of sessions: a page of them, all of one, and putting away what never came to anything."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.control import TradingView, caller, validated
from trading.api.serializers import CleanupRead, SessionDetailRead, SessionPageRead, SessionQuery
from trading.selectors.sessions import list_sessions, session_detail
from trading.services.control import cleanup_sessions


class SessionsView(TradingView):
    """A page of sessions."""

    @extend_schema(operation_id="trading_sessions", parameters=[SessionQuery], responses=SessionPageRead)
    def get(self, request: Request) -> Response:
        """200; 422 for a page or a filter outside its range."""
        return Response(SessionPageRead(list_sessions(**validated(SessionQuery(data=request.query_params)))).data)


class SessionView(TradingView):
    """All of one session."""

    @extend_schema(operation_id="trading_session", responses=SessionDetailRead)
    def get(self, request: Request, pk: str) -> Response:
        """200; 404 `Session not found`."""
        return Response(SessionDetailRead(session_detail(int(pk))).data)


class CleanupView(TradingView):
    """Put away an open session that nobody guards and that never sent an order."""

    @extend_schema(operation_id="trading_sessions_cleanup", request=None, responses=CleanupRead)
    def post(self, request: Request) -> Response:
        """200 with the count; 403, 409 for a session with orders."""
        result = cleanup_sessions(actor=caller(request), source="api", request=request._request)
        return Response(CleanupRead(result).data)
