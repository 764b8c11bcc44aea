"""The ledgers: orders, fills and legs. Rows are written by the engine's store only."""

from __future__ import annotations

from typing import Any

from django.db import models

from trading.models.session import StrategySession


def _amount(**kwargs: Any) -> models.DecimalField[Any, Any]:
    return models.DecimalField(max_digits=24, decimal_places=8, **kwargs)


class OrderLedger(models.Model):
    """One order intent and what became of it.

    The row is committed before the request leaves; ``price`` is the limit, None for a market order.
    """

    session = models.ForeignKey(StrategySession, on_delete=models.CASCADE, related_name="orders")
    client_order_id = models.CharField(max_length=32, unique=True)
    order_id = models.CharField(max_length=64, blank=True, default="", db_index=True)
    leg = models.CharField(max_length=4)
    purpose = models.CharField(max_length=8)
    attempt = models.PositiveIntegerField()
    symbol = models.CharField(max_length=64)
    side = models.CharField(max_length=10)
    order_type = models.CharField(max_length=16)
    time_in_force = models.CharField(max_length=4)
    reduce_only = models.BooleanField(default=False)
    quantity = models.PositiveIntegerField()
    price = _amount(null=True)
    decision_price = _amount(null=True)
    filled_quantity = models.PositiveIntegerField(default=0)
    fill_price = _amount(null=True)
    status = models.CharField(max_length=15, default="intent")
    detail = models.CharField(max_length=255, blank=True, default="")
    fencing_token = models.PositiveBigIntegerField()
    raw_response = models.JSONField(null=True, blank=True)
    intended_at = models.DateTimeField()
    reported_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["session", "id"], name="order_session")]

    def __str__(self) -> str:
        return self.client_order_id


class FillLedger(models.Model):
    """One execution as the venue reported it; identity is the venue's fill id."""

    session = models.ForeignKey(StrategySession, on_delete=models.CASCADE, related_name="fills")
    order = models.ForeignKey(OrderLedger, on_delete=models.CASCADE, related_name="fills")
    fill_id = models.CharField(max_length=64)
    symbol = models.CharField(max_length=64)
    side = models.CharField(max_length=10)
    quantity = models.PositiveIntegerField()
    price = _amount()
    commission = _amount()
    role = models.CharField(max_length=10, blank=True, default="")
    filled_at = models.DateTimeField()

    class Meta:
        ordering = ["filled_at", "id"]
        constraints = [models.UniqueConstraint(fields=["session", "fill_id"], name="fill_once")]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.symbol} @ {self.price}"


class SettlementLedger(models.Model):
    """Contracts of a leg that the venue settled at expiry: no order and no fill, its settlement price and its fee."""

    session = models.ForeignKey(StrategySession, on_delete=models.CASCADE, related_name="settlements")
    leg = models.CharField(max_length=4)
    symbol = models.CharField(max_length=64)
    side = models.CharField(max_length=10, default="buy")
    quantity = models.PositiveIntegerField()
    price = _amount()
    commission = _amount()
    settled_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["session", "leg"], name="settlement_leg_once")]

    def __str__(self) -> str:
        return f"{self.quantity} {self.symbol} settled @ {self.price}"


class PositionLedger(models.Model):
    """One leg of a session. Prices are VWAPs of fills and of a settlement; ``realized_pnl`` is dollars net of the
    fees paid.
    """

    session = models.ForeignKey(StrategySession, on_delete=models.CASCADE, related_name="positions")
    leg = models.CharField(max_length=4)
    symbol = models.CharField(max_length=64)
    side = models.CharField(max_length=10, default="short")
    quantity = models.PositiveIntegerField()
    open_quantity = models.PositiveIntegerField(default=0)
    contract_size = _amount()
    entry_price = _amount(null=True)
    exit_price = _amount(null=True)
    realized_pnl = _amount(null=True)
    unrealized_pnl = _amount(null=True)
    fees = _amount(default=0)
    entry_time = models.DateTimeField(null=True, blank=True)
    exit_time = models.DateTimeField(null=True, blank=True)
    trailing_sl_state = models.JSONField(null=True, blank=True)
    analytics = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["session", "leg"], name="position_leg_once")]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.symbol}"
