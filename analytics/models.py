"""What analytics keeps: one row for every session that has ended."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models

from analytics.fields import MoneyField


def _money(**kwargs: Any) -> MoneyField:
    return MoneyField(default=Decimal(0), **kwargs)


class SessionSnapshot(models.Model):
    """One closed session in figures, taken from its ledgers once it had ended (``trading.selectors.analytics_source``
    says what each means). Dollars; ``*_pnl`` are the causes of ``net``: with ``slippage`` and less ``fees`` they sum to
    it exactly. ``weekday`` (Monday is 0), ``entry_hour`` and ``trading_day`` are IST.
    """

    session = models.OneToOneField("trading.StrategySession", on_delete=models.CASCADE, related_name="+")
    recorded_at = models.DateTimeField()
    strategy_id = models.CharField(max_length=64)
    mode = models.CharField(max_length=10)
    configuration_id = models.BigIntegerField(null=True)
    configuration_name = models.CharField(max_length=50)
    revision = models.PositiveIntegerField()
    exit_reason = models.CharField(max_length=24, blank=True, default="")
    trading_day = models.DateField()
    weekday = models.PositiveSmallIntegerField()
    entry_hour = models.PositiveSmallIntegerField()
    entered_at = models.DateTimeField()
    closed_at = models.DateTimeField()
    hold_seconds = models.PositiveBigIntegerField()
    traded = models.BooleanField()
    open_quantity = models.PositiveIntegerField(default=0)
    credit = _money()
    gross = _money()
    fees = _money()
    net = _money()
    cash = _money()
    best = _money()
    worst = _money()
    margin = MoneyField(null=True)
    slippage = _money()
    delta_pnl = _money()
    gamma_pnl = _money()
    theta_pnl = _money()
    vega_pnl = _money()
    residual_pnl = _money()
    remark = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ["-closed_at", "-id"]
        indexes = [
            models.Index(fields=["mode", "closed_at"], name="snapshot_mode_closed"),
            models.Index(fields=["mode", "trading_day"], name="snapshot_mode_day"),
            models.Index(fields=["strategy_id"], name="snapshot_strategy"),
        ]

    def __str__(self) -> str:
        return self.strategy_id
