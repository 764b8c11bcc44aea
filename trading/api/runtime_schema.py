"""The runtime picture as the API's description shows it. It is written for readers: nothing is serialised with it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from trading.api.serializers import Given


def _number(help_text: str = "") -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text)


def _time() -> serializers.DateTimeField:
    return serializers.DateTimeField(allow_null=True)


def _text(help_text: str = "") -> serializers.CharField:
    return serializers.CharField(allow_null=True, allow_blank=True, help_text=help_text)


class ScheduleRead(Given):
    """When the session enters and leaves, in venue time."""

    scheduled_entry_at = _time()
    time_to_entry_seconds = _number()
    planned_exit_at = _time()
    time_to_exit_seconds = _number()


class TotalsRead(Given):
    """The session's P&L in dollars; ``total_pnl_pct`` in percent of the credit."""

    realized = _number()
    unrealized = _number()
    total_pnl = _number()
    notional = _number("The credit: what the legs were sold for.")
    total_pnl_pct = _number()
    fees = _number()


class LimitsRead(Given):
    """Limits in percent of the credit."""

    max_profit_pct = _number()
    max_loss_pct = _number()
    effective_loss_pct = _number("Where the session would end now: the loss limit, or minus the trailing level.")
    trailing_enabled = serializers.BooleanField()
    trailing_level_pct = _number()


class TrailingRead(Given):
    """The trailing stop."""

    level = _number("As a fraction of the credit.")
    trailing_level_pct = _number()
    max_profit_seen = _number("Dollars.")
    max_profit_seen_pct = _number()
    max_drawdown_seen = _number("Dollars.")
    max_drawdown_seen_pct = _number()
    enabled = serializers.BooleanField()


class SpotRead(Given):
    """The index in dollars."""

    entry = _number()
    exit = _number()
    last = _number()
    high = _number()
    low = _number()
    updated_at = _time()


class WorkerRead(Given):
    """The engine's process."""

    owner = _text()
    alive = serializers.BooleanField()
    standby = serializers.BooleanField()
    heartbeat_age_seconds = _number("Seconds since it last wrote its picture; null when it never did.")


class RuntimeRead(Given):
    """What the engine is doing now. Every field is there whether or not anything runs."""

    status = serializers.ChoiceField(("idle", "waiting", "entering", "live", "cooldown"))
    phase = serializers.CharField(help_text="The engine's own, finer word.")
    mode = _text("paper, dry_run, testnet or live; null when idle.")
    active = serializers.BooleanField(help_text="Whether a position is guarded.")
    strategy_id = _text()
    session_id = serializers.IntegerField(allow_null=True)
    generated_at = _time()
    wall_at = _time()
    schedule = ScheduleRead()
    entry = serializers.DictField(allow_null=True, help_text="What was selected, and why, in the reference's fields.")
    positions = serializers.ListField(child=serializers.DictField(), help_text="The legs, in the reference's fields.")
    totals = TotalsRead()
    limits = LimitsRead()
    trailing = TrailingRead()
    spot = SpotRead()
    exit_reason = _text()
    config = serializers.DictField(allow_null=True, help_text="The configuration in short.")
    rules = serializers.ListField(child=serializers.DictField(), help_text="The exit rules and how near each is.")
    payoff = serializers.DictField(allow_null=True)
    history = serializers.ListField(help_text="[epoch seconds, net dollars, trailing level in percent] each.")
    risk = serializers.DictField(allow_null=True)
    venue = serializers.DictField(allow_null=True)
    worker = WorkerRead()
    attention = serializers.CharField(allow_blank=True)
    trading_mode = serializers.CharField()
    trading_mode_reason = serializers.CharField(allow_blank=True)
    versions = serializers.DictField(child=serializers.IntegerField())

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """The picture as it is: it is plain JSON already."""
        return dict(instance)
