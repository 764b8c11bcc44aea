"""What the trading API takes and gives. Amounts are JSON numbers, times ISO-8601 with an offset."""

from __future__ import annotations

from datetime import date
from typing import Any

from rest_framework import serializers

from trading.models import (
    DecisionRecord,
    EngineCommand,
    FillLedger,
    Mode,
    OrderLedger,
    PnlPoint,
    PositionLedger,
    SessionStatus,
    SettlementLedger,
    TradingModeChoice,
)
from trading.services.control import ACTIONS

BIGGEST_ID = 2**63 - 1
MOST_PAGES = 1_000_000
FIRST_YEAR, LAST_YEAR = 2000, 2100


class Given(serializers.Serializer[Any]):
    """Base of what the API takes or gives that is no model."""


class Amount(serializers.DecimalField):
    """An exact number, written as a JSON number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=None, decimal_places=None, coerce_to_string=False, **kwargs)


class ControlInput(Given):
    """A control request. Without a configuration the active one is meant."""

    action = serializers.ChoiceField(ACTIONS)
    configuration_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False, allow_null=True)
    configuration = serializers.CharField(
        max_length=50, required=False, allow_null=True, allow_blank=True, help_text="A name, in place of the id."
    )
    now = serializers.BooleanField(default=False, help_text="Enter at once, inside or outside the entry window.")
    leave_open = serializers.BooleanField(default=False, help_text="With stop: hand the position over, do not close.")
    reason = serializers.CharField(max_length=255, default="", allow_blank=True)


class ControlRead(Given):
    """The answer to a control request."""

    strategy_id = serializers.CharField(allow_null=True)
    status = serializers.CharField()
    message = serializers.CharField()
    stopped_sessions = serializers.IntegerField(allow_null=True)
    imported_positions = serializers.IntegerField(allow_null=True)
    session_id = serializers.IntegerField(allow_null=True)
    command_id = serializers.IntegerField(allow_null=True)


class HeartbeatPoint(Given):
    """Net dollars at one moment."""

    timestamp = serializers.DateTimeField()
    pnl = Amount()


class HeartbeatRead(Given):
    """Whether a session runs, and whether a worker lives."""

    status = serializers.ChoiceField(("idle", "running", "stopped"))
    strategy_id = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    pnl_history = HeartbeatPoint(many=True)
    active_configuration_id = serializers.IntegerField(allow_null=True)
    worker_alive = serializers.BooleanField()
    venue = serializers.CharField(allow_null=True)


def check_year(day: date) -> None:
    """Refuse a day that no calendar arithmetic is safe with."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise serializers.ValidationError(f"The year must be between {FIRST_YEAR} and {LAST_YEAR}.")


class PageQuery(Given):
    """Which page, from 1, and how long a page is."""

    page = serializers.IntegerField(min_value=1, max_value=MOST_PAGES, default=1)
    page_size = serializers.IntegerField(min_value=1, max_value=200, default=25)


class SessionFilter(Given):
    """Filters of sessions; ``start`` and ``end`` are IST days, both included."""

    status = serializers.ChoiceField(SessionStatus.choices, required=False)
    mode = serializers.ChoiceField(Mode.choices, required=False)
    exit_reason = serializers.CharField(max_length=24, required=False)
    configuration_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False)
    start = serializers.DateField(required=False, validators=[check_year])
    end = serializers.DateField(required=False, validators=[check_year])
    text = serializers.CharField(
        max_length=100, required=False, help_text="In the strategy id, the configuration's name or a leg's symbol."
    )


class SessionQuery(PageQuery, SessionFilter):
    """Page and filters of the session list, and how much of each session is wanted."""

    full = serializers.BooleanField(
        default=False, help_text="All of `pnl_summary`, `session_metadata` and the legs' `fees`, as in the reference."
    )


class SessionExportQuery(SessionFilter):
    """Filters of the session export, and its format, of which there is one."""

    format = serializers.CharField(max_length=20, default="csv", help_text="`csv`; anything else is 400.")


class SessionDetailQuery(Given):
    """How much of a session's P&L over time is wanted."""

    points = serializers.IntegerField(
        min_value=2, max_value=5000, default=400, help_text="At most so many P&L points, thinned evenly."
    )


class LegRead(Given):
    """One leg of a session. In the list, ``fees`` has the ``total`` only."""

    symbol = serializers.CharField()
    side = serializers.CharField()
    entry_price = Amount(allow_null=True)
    exit_price = Amount(allow_null=True)
    quantity = serializers.IntegerField()
    contract_size = Amount()
    realized_pnl = Amount(allow_null=True)
    pnl_pct = Amount(allow_null=True)
    entry_time = serializers.DateTimeField(allow_null=True)
    exit_time = serializers.DateTimeField(allow_null=True)
    fees = serializers.DictField()


class SessionRead(Given):
    """A session in the list. Unless ``full`` was asked for, ``pnl_summary`` has the totals and ``session_metadata`` the
    configuration's id only; a session's own answer has all of it.
    """

    id = serializers.IntegerField()
    strategy_id = serializers.CharField()
    status = serializers.CharField()
    mode = serializers.CharField()
    activated_at = serializers.DateTimeField(allow_null=True)
    deactivated_at = serializers.DateTimeField(allow_null=True)
    duration_seconds = serializers.IntegerField()
    exit_reason = serializers.CharField(
        allow_null=True, help_text="The rule or command that ended the session; null while it is open."
    )
    configuration_name = serializers.CharField(required=False, help_text="With `full`.")
    pnl_summary = serializers.DictField()
    session_metadata = serializers.DictField()
    legs_summary = LegRead(many=True)


class SessionPageRead(Given):
    """A page of sessions."""

    items = SessionRead(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    pages = serializers.IntegerField()


class FillRead(serializers.ModelSerializer[FillLedger]):
    """One execution."""

    price = Amount()
    commission = Amount()

    class Meta:
        model = FillLedger
        fields = ("fill_id", "symbol", "side", "quantity", "price", "commission", "role", "filled_at")


class OrderRead(serializers.ModelSerializer[OrderLedger]):
    """An order and its fills."""

    price = Amount()
    decision_price = Amount()
    fill_price = Amount()
    fills = FillRead(many=True)

    class Meta:
        model = OrderLedger
        fields = (
            *("order_id", "client_order_id", "leg", "purpose", "attempt", "symbol", "side", "order_type"),
            *("time_in_force", "reduce_only", "quantity", "price", "decision_price", "filled_quantity", "fill_price"),
            *("status", "detail", "intended_at", "reported_at", "created_at", "raw_response", "fills"),
        )


class SettlementRead(serializers.ModelSerializer[SettlementLedger]):
    """Contracts of a leg that the venue settled at expiry, at its settlement price; ``commission`` is its fee."""

    price = Amount()
    commission = Amount()

    class Meta:
        model = SettlementLedger
        fields = ("leg", "symbol", "side", "quantity", "price", "commission", "settled_at")


class SessionPositionRead(serializers.ModelSerializer[PositionLedger]):
    """A leg as the ledger keeps it."""

    entry_price = Amount()
    exit_price = Amount()
    realized_pnl = Amount()
    unrealized_pnl = Amount()
    fees = Amount()
    contract_size = Amount()

    class Meta:
        model = PositionLedger
        fields = (
            *("leg", "symbol", "side", "entry_price", "exit_price", "quantity", "open_quantity", "contract_size"),
            *("realized_pnl", "unrealized_pnl", "fees", "entry_time", "exit_time", "trailing_sl_state", "analytics"),
        )


class DecisionRead(serializers.ModelSerializer[DecisionRecord]):
    """What was decided, and why."""

    class Meta:
        model = DecisionRecord
        fields = ("at", "kind", "level", "message", "data")


class PnlPointRead(serializers.ModelSerializer[PnlPoint]):
    """P&L at one moment."""

    net = Amount()
    gross = Amount()
    net_pct = Amount()
    level_pct = Amount()
    spot = Amount()

    class Meta:
        model = PnlPoint
        fields = ("at", "net", "gross", "net_pct", "level_pct", "spot")


class CashRead(Given):
    """What the fills and settlements did to the account: net = credits − debits − commissions, in dollars."""

    credits = Amount()
    debits = Amount()
    commissions = Amount()
    net = Amount()


class LegDetailRead(LegRead):
    """One leg of a session, its fees at entry and exit, too."""

    leg = serializers.CharField()


class SessionDetailRead(SessionRead):
    """All of one session: the list's fields, and the rest."""

    phase = serializers.CharField()
    created_at = serializers.DateTimeField()
    configuration_id = serializers.IntegerField(allow_null=True)
    configuration_name = serializers.CharField()
    revision = serializers.IntegerField()
    legs_summary = LegDetailRead(many=True)
    config_snapshot = serializers.DictField(help_text="The fields of the pinned revision.")
    proof_of_flat = serializers.DictField(allow_null=True)
    orders = OrderRead(many=True)
    settlements = SettlementRead(many=True, help_text="Empty unless options expired while they were held.")
    positions = SessionPositionRead(many=True)
    decisions = DecisionRead(many=True)
    pnl_points = PnlPointRead(many=True)
    cash = CashRead()
    summary = serializers.DictField(allow_null=True)
    monitor_snapshot = serializers.DictField(allow_null=True)


class CleanupRead(Given):
    """How many sessions were put away."""

    stopped_sessions = serializers.IntegerField()
    message = serializers.CharField()


class CommandRead(serializers.ModelSerializer[EngineCommand]):
    """A command, and what came of it."""

    actor = serializers.CharField(source="actor_email")
    session_id = serializers.IntegerField(allow_null=True)
    strategy_id = serializers.CharField(source="session.strategy_id", allow_null=True, default=None)

    class Meta:
        model = EngineCommand
        fields = (
            *("id", "action", "status", "result", "session_id", "strategy_id", "actor", "source", "reason"),
            *("leave_open", "enter_now", "created_at", "settled_at"),
        )


class ModeInput(Given):
    """A trading mode; leaving ``halted`` needs ``confirm`` = ``RESUME``."""

    mode = serializers.ChoiceField(TradingModeChoice.choices)
    reason = serializers.CharField(max_length=255, default="", allow_blank=True)
    confirm = serializers.CharField(max_length=20, default="", allow_blank=True)


class ModeRead(Given):
    """The trading mode in force."""

    mode = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    changed_by = serializers.CharField(allow_blank=True)
    changed_at = serializers.DateTimeField(allow_null=True)
