"""The API of alerts, lockouts and health gates."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.control import TradingView, caller, validated
from trading.api.serializers import BIGGEST_ID, Given, PageQuery
from trading.models import Alert, Lockout, Mode, Severity
from trading.selectors.alerts import list_alerts
from trading.selectors.lockouts import list_lockouts
from trading.selectors.runtime import current_runtime
from trading.services.alerts import acknowledge_alert, acknowledge_all
from trading.services.lockouts import lift_lockout


class AlertQuery(PageQuery):
    """Page and filters of the alerts."""

    severity = serializers.ChoiceField(Severity.choices, required=False)
    kind = serializers.CharField(max_length=32, required=False)
    open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Only those nobody acknowledged, or only the others."
    )


class AlertRead(serializers.ModelSerializer[Alert]):
    """An alert, and how far it got."""

    strategy_id = serializers.CharField(source="session.strategy_id", allow_null=True, default=None)
    acknowledged_by = serializers.CharField(source="acknowledged_by.email", allow_null=True, default=None)

    class Meta:
        model = Alert
        fields = (
            *("id", "kind", "severity", "title", "message", "count", "session_id", "strategy_id"),
            *("created_at", "last_raised_at", "status", "attempts", "next_attempt_at", "sent_at", "error"),
            *("acknowledged_at", "acknowledged_by"),
        )


class AlertPageRead(Given):
    """A page of alerts."""

    items = AlertRead(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    pages = serializers.IntegerField()


class AcknowledgeAllInput(Given):
    """The newest alert that the caller has seen; what was raised since stays open."""

    up_to = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False, allow_null=True, default=None)


class AcknowledgedRead(Given):
    """How many were acknowledged."""

    acknowledged = serializers.IntegerField()


class LockoutQuery(PageQuery):
    """Page and filters of the lockouts."""

    mode = serializers.ChoiceField(Mode.choices, required=False)
    open = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Only those nobody lifted, or only the others."
    )


class LockoutRead(serializers.ModelSerializer[Lockout]):
    """A lockout; it binds on its trading day (IST) until somebody lifts it."""

    strategy_id = serializers.CharField(source="session.strategy_id", allow_null=True, default=None)
    lifted_by = serializers.CharField(source="lifted_by.email", allow_null=True, default=None)

    class Meta:
        model = Lockout
        fields = (
            *("id", "kind", "mode", "trading_day", "reason", "session_id", "strategy_id"),
            *("created_at", "lifted_at", "lifted_by"),
        )


class LockoutPageRead(Given):
    """A page of lockouts."""

    items = LockoutRead(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    pages = serializers.IntegerField()


class LiftInput(Given):
    """``confirm`` must be ``UNLOCK``."""

    confirm = serializers.CharField(max_length=20)
    reason = serializers.CharField(max_length=255, default="", allow_blank=True)


class GateRead(Given):
    """A health gate at its newest reading."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not the base class's own
    unit = serializers.CharField()
    closed = serializers.BooleanField()
    value = serializers.FloatField(allow_null=True)
    close = serializers.FloatField()
    reopen = serializers.FloatField()
    below = serializers.BooleanField(help_text="Small values are the bad ones.")
    for_seconds = serializers.FloatField(allow_null=True)


class GatesRead(Given):
    """All health gates; ``fresh`` is whether a living worker says so."""

    fresh = serializers.BooleanField()
    entries_stopped = serializers.BooleanField()
    gates = GateRead(many=True)


class AlertsView(TradingView):
    """Alerts."""

    @extend_schema(operation_id="trading_alerts", parameters=[AlertQuery], responses=AlertPageRead)
    def get(self, request: Request) -> Response:
        """200, newest first; 422 for a page or a filter outside its range."""
        return Response(AlertPageRead(list_alerts(**validated(AlertQuery(data=query_of(request))))).data)


class AcknowledgeView(TradingView):
    """Acknowledge one alert."""

    @extend_schema(operation_id="trading_alert_acknowledge", request=None, responses=AlertRead)
    def post(self, request: Request, pk: str) -> Response:
        """200 with the alert; 403, 404."""
        alert = acknowledge_alert(actor=caller(request), alert_id=int(pk), source="api", request=request._request)
        return Response(AlertRead(alert).data)


class AcknowledgeAllView(TradingView):
    """Acknowledge every open alert."""

    @extend_schema(
        operation_id="trading_alerts_acknowledge_all", request=AcknowledgeAllInput, responses=AcknowledgedRead
    )
    def post(self, request: Request) -> Response:
        """200 with how many there were; 403, 422."""
        given = validated(AcknowledgeAllInput(data=request.data))
        number = acknowledge_all(actor=caller(request), up_to=given["up_to"], source="api", request=request._request)
        return Response(AcknowledgedRead({"acknowledged": number}).data)


class LockoutsView(TradingView):
    """Lockouts."""

    @extend_schema(operation_id="trading_lockouts", parameters=[LockoutQuery], responses=LockoutPageRead)
    def get(self, request: Request) -> Response:
        """200, newest first; 422 for a page or a filter outside its range."""
        return Response(LockoutPageRead(list_lockouts(**validated(LockoutQuery(data=query_of(request))))).data)


class LiftView(TradingView):
    """Lift a lockout."""

    @extend_schema(operation_id="trading_lockout_lift", request=LiftInput, responses=LockoutRead)
    def post(self, request: Request, pk: str) -> Response:
        """200 with the lockout; 403, 404, 422 (field `confirm` for the wrong word)."""
        given = validated(LiftInput(data=request.data))
        lockout = lift_lockout(
            actor=caller(request), lockout_id=int(pk), **given, source="api", request=request._request
        )
        return Response(LockoutRead(lockout).data)


class GatesView(TradingView):
    """Health gates."""

    @extend_schema(operation_id="trading_gates", responses=GatesRead)
    def get(self, request: Request) -> Response:
        """200 with every gate that is switched on, as the worker last saw it."""
        runtime = current_runtime()
        gates = runtime.get("gates") or []
        stopped = any(gate["closed"] for gate in gates)
        found = {"fresh": bool(runtime["worker"]["alive"]), "entries_stopped": stopped, "gates": gates}
        return Response(GatesRead(found).data)


def query_of(request: Request) -> dict[str, Any]:
    """The query's parameters as plain values: a form's missing checkbox would count as false."""
    return dict(request.query_params.items())
