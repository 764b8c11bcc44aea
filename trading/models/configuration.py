"""Configurations and their immutable revisions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from trading.strategy.types import ExpiryRule, Repeat, StrikeMode


class Underlying(models.TextChoices):
    """Underlyings Delta lists daily options for."""

    BTC = "BTC", "BTC"
    ETH = "ETH", "ETH"


class Mode(models.TextChoices):
    """Where a session trades. Never changed once the session exists."""

    PAPER = "paper", "Paper"
    DRY_RUN = "dry_run", "Dry run"
    TESTNET = "testnet", "Testnet"
    LIVE = "live", "Live"


class StrikeModeChoice(models.TextChoices):
    """How strikes are chosen."""

    DELTA = StrikeMode.DELTA.value, "Target delta"
    PRICE = StrikeMode.PRICE.value, "Premium band"
    EXPECTED_MOVE = StrikeMode.EXPECTED_MOVE.value, "Expected move"


class RepeatChoice(models.TextChoices):
    """Once, or on chosen weekdays."""

    ONCE = Repeat.ONCE.value, "Once"
    DAILY = Repeat.DAILY.value, "Daily on chosen weekdays"


class ExpiryRuleChoice(models.TextChoices):
    """Fixed date, or relative."""

    DTE = ExpiryRule.DTE.value, "Days to expiry"
    FIXED = ExpiryRule.FIXED.value, "Fixed date"


def _money(default: str | None = None) -> models.DecimalField[Any, Any]:
    """A dollar amount with eight decimals."""
    if default is None:
        return models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    return models.DecimalField(max_digits=20, decimal_places=8, default=Decimal(default))


def _percent(default: str | None = None) -> models.DecimalField[Any, Any]:
    """A percentage: 0.5 is half a percent."""
    if default is None:
        return models.DecimalField(max_digits=9, decimal_places=4, null=True, blank=True)
    return models.DecimalField(max_digits=9, decimal_places=4, default=Decimal(default))


def every_day() -> list[int]:
    """All weekdays, Monday is 0."""
    return [0, 1, 2, 3, 4, 5, 6]


class TradingConfiguration(models.Model):
    """What a strategy may do.

    Ranges and cross-field rules live in ``trading.configuration_rules``; every write goes through the services.
    """

    name = models.CharField(max_length=50)
    underlying = models.CharField(max_length=10, choices=Underlying.choices, default=Underlying.BTC)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.PAPER)
    repeat = models.CharField(max_length=10, choices=RepeatChoice.choices, default=RepeatChoice.ONCE)
    weekdays = models.JSONField(default=every_day, blank=True)
    trade_time_ist = models.CharField(max_length=5, default="09:30")
    entry_window_seconds = models.PositiveIntegerField(default=300)
    exit_time_ist = models.CharField(max_length=5, default="15:20")
    max_hold_minutes = models.PositiveIntegerField(null=True, blank=True)
    expiry_rule = models.CharField(max_length=10, choices=ExpiryRuleChoice.choices, default=ExpiryRuleChoice.DTE)
    expiry_date = models.DateField(null=True, blank=True)
    days_to_expiry = models.PositiveSmallIntegerField(default=1)
    strike_selection_mode = models.CharField(
        max_length=16, choices=StrikeModeChoice.choices, default=StrikeModeChoice.DELTA
    )
    delta_range_low = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal("0.10"))
    delta_range_high = models.DecimalField(max_digits=6, decimal_places=4, default=Decimal("0.15"))
    call_option_price_min = _money()
    call_option_price_max = _money()
    put_option_price_min = _money()
    put_option_price_max = _money()
    expected_move_multiple = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    quantity = models.PositiveIntegerField(default=1)
    contract_size = models.DecimalField(max_digits=18, decimal_places=8, default=Decimal("0.001"))
    max_spread_pct = _percent()
    min_open_interest = models.PositiveIntegerField(null=True, blank=True)
    min_depth = models.PositiveIntegerField(null=True, blank=True)
    min_credit = _money()
    min_iv_pct = _percent()
    max_loss_pct = _percent("40")
    max_profit_pct = _percent("80")
    trailing_sl_enabled = models.BooleanField(default=True)
    trailing_rules = models.JSONField(default=dict, blank=True)
    leg_stop_multiple = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    venue_stop_multiple = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True)
    underlying_stop_pct = _percent()
    delta_stop = models.DecimalField(max_digits=6, decimal_places=4, null=True, blank=True)
    settlement_guard_minutes = models.PositiveIntegerField(default=35)
    naked_leg_seconds = models.PositiveIntegerField(default=30)
    naked_leg_delta_usd = _money()
    order_attempts = models.PositiveSmallIntegerField(default=4)
    order_timeout_seconds = models.PositiveSmallIntegerField(default=5)
    max_slippage_pct = _percent("10")
    daily_loss_limit = _money()
    max_sessions_per_day = models.PositiveSmallIntegerField(null=True, blank=True)
    max_consecutive_losses = models.PositiveSmallIntegerField(null=True, blank=True)
    stale_quote_seconds = models.PositiveSmallIntegerField(default=60)
    is_active = models.BooleanField(default=False)
    revision = models.PositiveIntegerField(default=0)
    live_confirmed_revision = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="configuration_name_unique"),
            models.UniqueConstraint(fields=["is_active"], condition=Q(is_active=True), name="configuration_one_active"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def confirmed_for_live(self) -> bool:
        """Whether somebody typed its name to let this very revision trade real money."""
        return self.revision > 0 and self.live_confirmed_revision == self.revision


class ConfigurationRevision(models.Model):
    """A configuration as it was saved once: numbered, immutable, pinned by sessions.

    ``values`` holds every field, decimals as text.
    """

    configuration = models.ForeignKey(
        TradingConfiguration, null=True, on_delete=models.SET_NULL, related_name="revisions"
    )
    configuration_name = models.CharField(max_length=50)
    number = models.PositiveIntegerField()
    values = models.JSONField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    author_email = models.CharField(max_length=254, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["configuration", "number"], name="configuration_revision_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.configuration_name} revision {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert only; a revision never changes."""
        if self.pk is not None:
            raise TypeError("A configuration revision is immutable.")
        super().save(*args, **kwargs)
