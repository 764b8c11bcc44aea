"""The shape of the history, for the schema and its tests; the answer itself is made without serializers, for speed."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from analytics.selectors.breakdowns import DIMENSIONS


class Shape(serializers.Serializer[Any]):
    """Base of what is only described."""


def _number(**kwargs: Any) -> serializers.FloatField:
    return serializers.FloatField(**kwargs)


class RangeRead(Shape):
    """The stretch answered, and the preset as it was given."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    preset = serializers.CharField(allow_null=True)


class FiltersRead(Shape):
    """The filters that were asked for."""

    strategy_id = serializers.CharField(allow_null=True)
    configuration_id = serializers.IntegerField(allow_null=True)
    revision = serializers.IntegerField(allow_null=True)
    exit_reason = serializers.CharField(allow_null=True)


class MetricsRead(Shape):
    """The reference's figures: dollars once net of fees, percent, counts. Days are IST."""

    days_running = serializers.IntegerField()
    trade_count = serializers.IntegerField()
    win_count = serializers.IntegerField()
    loss_count = serializers.IntegerField()
    average_pnl = _number()
    average_win = _number()
    average_loss = _number()
    win_rate = _number()
    consecutive_wins = serializers.IntegerField()
    consecutive_losses = serializers.IntegerField()
    max_gain = _number()
    max_loss = _number()
    max_drawdown = _number()
    net_pnl = _number()
    pnl_before_fees = _number()
    fees_total = _number()
    average_fee = _number()
    profitable_days = serializers.IntegerField()


class KpisRead(Shape):
    """What goes beyond the reference; null where there is nothing to tell it from."""

    profit_factor = _number(allow_null=True)
    expectancy = _number(allow_null=True)
    sharpe = _number(allow_null=True)
    sortino = _number(allow_null=True)
    returns_basis = serializers.ChoiceField(("margin", "credit"))
    return_on_credit_pct = _number(allow_null=True)
    average_hold_seconds = serializers.IntegerField(allow_null=True)
    average_mfe = _number(allow_null=True)
    average_mae = _number(allow_null=True)
    credit_total = _number()
    slippage_total = _number()
    slippage_pct_of_credit = _number(allow_null=True)
    fees_pct_of_credit = _number(allow_null=True)


class AttributionRead(Shape):
    """Causes of the net P&L in dollars, to the cent: all but ``total`` sum to ``total``."""

    delta = _number()
    gamma = _number()
    theta = _number()
    vega = _number()
    residual = _number()
    slippage = _number()
    fees = _number()
    total = _number()


class ChartPoint(Shape):
    """A value at a moment."""

    timestamp = serializers.DateTimeField()
    value = _number()


class BucketRead(Shape):
    """How many sessions ended between two amounts."""

    start = _number()
    end = _number()
    count = serializers.IntegerField()


class ChartsRead(Shape):
    """Thinned evenly to about ``points`` moments, the last and the deepest drawdown among them."""

    cumulative_pnl = ChartPoint(many=True)
    cumulative_gross_pnl = ChartPoint(many=True)
    cumulative_fees = ChartPoint(many=True)
    drawdown = ChartPoint(many=True)
    rolling_win_rate = ChartPoint(many=True)
    trades_histogram = BucketRead(many=True)


class DayRead(Shape):
    """One IST day."""

    day = serializers.DateField()
    sessions = serializers.IntegerField()
    wins = serializers.IntegerField()
    net = _number()
    gross = _number()
    fees = _number()
    margin = _number()
    credit = _number()


class BreakdownRow(Shape):
    """Sessions of one kind. A row also has the fields that make the kind (``weekday``, ``entry_hour``...)."""

    label = serializers.CharField()  # type: ignore[assignment] # the name is the reference's
    sessions = serializers.IntegerField()
    wins = serializers.IntegerField()
    win_rate = _number()
    net_pnl = _number()
    average_pnl = _number()
    fees_total = _number()
    credit_total = _number()
    slippage_total = _number()
    weekday = serializers.IntegerField(required=False)
    entry_hour = serializers.IntegerField(required=False)
    exit_reason = serializers.CharField(required=False)
    configuration_name = serializers.CharField(required=False)
    configuration_id = serializers.IntegerField(required=False, allow_null=True)
    revision = serializers.IntegerField(required=False)


BreakdownsRead = type(
    "BreakdownsRead", (Shape,), {"__module__": __name__, **{name: BreakdownRow(many=True) for name in DIMENSIONS}}
)


class TimelineRead(Shape):
    """An order, or a leg at its end. P&L is the leg's, net of fees, also at its orders."""

    timestamp = serializers.DateTimeField()
    session_id = serializers.IntegerField()
    entry_type = serializers.ChoiceField(("order", "position"))
    order_id = serializers.CharField(allow_null=True)
    position_id = serializers.IntegerField(allow_null=True)
    symbol = serializers.CharField()
    side = serializers.CharField()
    quantity = serializers.IntegerField()
    price = _number(allow_null=True)
    fill_price = _number(allow_null=True)
    realized_pnl = _number(allow_null=True)
    unrealized_pnl = _number(allow_null=True)
    metadata = serializers.DictField()


class PagesRead(Shape):
    """Which page, of how many sessions; page 1 has the newest."""

    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    total = serializers.IntegerField()
    pages = serializers.IntegerField()


class StatusRead(Shape):
    """How far the figures can be trusted."""

    is_stale = serializers.BooleanField()
    latest_timestamp = serializers.DateTimeField(allow_null=True)
    message = serializers.CharField(allow_null=True)
    unrecorded = serializers.IntegerField(help_text="Closed sessions that are not recorded yet, and not counted.")
    disagreements = serializers.IntegerField(help_text="Sessions whose ledgers disagree by a cent or more.")


class HistoryRead(Shape):
    """The history of one mode, or of all if asked for."""

    generated_at = serializers.DateTimeField()
    mode = serializers.CharField()
    range = RangeRead()
    filters = FiltersRead()
    metrics = MetricsRead()
    kpis = KpisRead()
    attribution = AttributionRead()
    charts = ChartsRead()
    calendar = DayRead(many=True)
    breakdowns = BreakdownsRead()
    timeline = TimelineRead(many=True)
    timeline_pages = PagesRead()
    status = StatusRead()


class SnapshotRead(Shape):
    """One session."""

    session_id = serializers.IntegerField()
    strategy_id = serializers.CharField()
    mode = serializers.CharField()
    configuration_id = serializers.IntegerField(allow_null=True)
    configuration_name = serializers.CharField()
    revision = serializers.IntegerField()
    exit_reason = serializers.CharField(allow_blank=True)
    trading_day = serializers.DateField()
    entered_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField()
    hold_seconds = serializers.IntegerField()
    credit = _number()
    net_pnl = _number()
    pnl_before_fees = _number()
    fees = _number()
    fees_pct_of_credit = _number()
    cash = _number(help_text="What the fills moved at the venue.")
    margin = _number(allow_null=True)
    mfe = _number(help_text="The best net P&L the session ever showed.")
    mae = _number(help_text="The worst.")
    slippage = _number(help_text="Against the decision prices; negative is a cost.")
    attribution = AttributionRead()
    open_quantity = serializers.IntegerField()
    remark = serializers.CharField(allow_blank=True)


class SnapshotPageRead(Shape):
    """A page of sessions, the newest end first."""

    mode = serializers.CharField()
    items = SnapshotRead(many=True)
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    total = serializers.IntegerField()
    pages = serializers.IntegerField()
