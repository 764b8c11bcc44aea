"""What the account holds beside the session: the newest reading, and what an operator decided about it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from trading.models.configuration import Mode


class AccountReading(models.Model):
    """The newest picture of one mode's account, as the worker read it.

    ``positions`` are objects with symbol, size (signed contracts) and entry price; ``orders`` are resting orders with
    client and venue order id, symbol, side and quantity. ``error`` is why the last read failed: then the rest is the
    last one that succeeded, at ``read_at``, and what the account holds now is unknown.
    """

    mode = models.CharField(max_length=10, choices=Mode.choices, unique=True)
    read_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField()
    positions = models.JSONField(default=list)
    orders = models.JSONField(default=list)
    error = models.CharField(max_length=500, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.mode} account"


class IgnoredPosition(models.Model):
    """An operator's word that a position no session owns is to be left alone, and not shown as a warning, up to and
    with the IST day ``until``. It counts for ``size`` contracts exactly: a position that changes is shown again.
    """

    mode = models.CharField(max_length=10, choices=Mode.choices)
    symbol = models.CharField(max_length=64)
    size = models.IntegerField()
    until = models.DateField()
    reason = models.CharField(max_length=255, blank=True, default="")
    ignored_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["mode", "symbol"], name="ignored_position_once")]

    def __str__(self) -> str:
        return f"{self.size:+d} {self.symbol} until {self.until}"
