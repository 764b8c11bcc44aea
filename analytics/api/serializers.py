"""What the analytics API takes and gives, for checking and for the schema."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from analytics.api.fields import Instant
from analytics.selectors.history import CHART_POINTS
from analytics.selectors.scope import ALL, MODES, PRESETS, Wish

BIGGEST_ID = 2**63 - 1
BIGGEST_REVISION = 2**31 - 1
MOST_PAGES = 1_000_000


class Given(serializers.Serializer[Any]):
    """Base of what is no model."""


class ScopeQuery(Given):
    """Which sessions are meant. Without a mode: the most real one (live before testnet, dry run and paper) that has a
    session, and never two at a time; with a strategy's id, that session whatever its mode.
    """

    mode = serializers.ChoiceField((ALL, *MODES), required=False)
    start = Instant(required=False)
    end = Instant(required=False, last_moment=True)
    preset = serializers.CharField(
        max_length=16, required=False, help_text=f"Echoed; {', '.join(PRESETS)} set a start."
    )
    strategy_id = serializers.CharField(max_length=64, required=False)
    configuration_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False)
    revision = serializers.IntegerField(min_value=1, max_value=BIGGEST_REVISION, required=False)
    exit_reason = serializers.CharField(max_length=24, required=False)

    def wish(self) -> Wish:
        """The checked wish; raises DRF's error, which is answered 422 at the fields."""
        self.is_valid(raise_exception=True)
        return Wish(**{name: self.validated_data[name] for name in Wish.__slots__ if name in self.validated_data})


class HistoryQuery(ScopeQuery):
    """The scope, how many points a chart may have, and which page of the timeline."""

    points = serializers.IntegerField(min_value=2, max_value=5000, default=CHART_POINTS)
    timeline_page = serializers.IntegerField(min_value=1, max_value=MOST_PAGES, default=1)
    timeline_page_size = serializers.IntegerField(
        min_value=0, max_value=200, default=25, help_text="Sessions a page; 0 leaves the timeline out."
    )


class SessionsQuery(ScopeQuery):
    """The scope and a page."""

    page = serializers.IntegerField(min_value=1, max_value=MOST_PAGES, default=1)
    page_size = serializers.IntegerField(min_value=1, max_value=200, default=25)


class ExportQuery(ScopeQuery):
    """The scope and the format, of which there is one."""

    format = serializers.CharField(max_length=8, default="csv", help_text="csv")


class KpiRead(Given):
    """One figure of the dashboard."""

    label = serializers.CharField()  # type: ignore[assignment] # the name is the reference's
    value = serializers.FloatField(allow_null=True)
    trend = serializers.FloatField(allow_null=True)
    unit = serializers.CharField()


class EpochPoint(Given):
    """A value at a moment in epoch seconds."""

    timestamp = serializers.FloatField()
    value = serializers.FloatField()


class DashboardCharts(Given):
    """One session's P&L over time."""

    pnl = EpochPoint(many=True)
    realized = EpochPoint(many=True)
    unrealized = EpochPoint(many=True)


class DashboardRead(Given):
    """The newest session in a few figures."""

    generated_at = serializers.DateTimeField()
    mode = serializers.CharField()
    session_id = serializers.IntegerField(allow_null=True)
    strategy_id = serializers.CharField(allow_null=True)
    kpis = KpiRead(many=True)
    chart_data = DashboardCharts()
