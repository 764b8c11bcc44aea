"""The alerts outbox and the lockouts."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from trading.models.configuration import Mode
from trading.models.session import StrategySession


class Severity(models.TextChoices):
    """How loud an alert is."""

    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"


class AlertStatus(models.TextChoices):
    """Life of an alert on its way out. ``kept`` means that no destination takes its severity."""

    PENDING = "pending", "Pending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    KEPT = "kept", "Kept"


class Alert(models.Model):
    """Something an operator should hear of. Written in the transaction of what it tells, sent later by another task.

    While an alert with the same ``dedup_key`` is unacknowledged it is raised again by counting, not by a new row.
    """

    kind = models.CharField(max_length=32)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    title = models.CharField(max_length=120)
    message = models.CharField(max_length=1000, blank=True, default="")
    dedup_key = models.CharField(max_length=120)
    session = models.ForeignKey(StrategySession, null=True, on_delete=models.SET_NULL, related_name="alerts")
    count = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    last_raised_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=AlertStatus.choices, default=AlertStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True, default="")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "next_attempt_at"], name="alert_outbox"),
            models.Index(fields=["acknowledged_at", "-id"], name="alert_open"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["dedup_key"], condition=Q(acknowledged_at__isnull=True), name="alert_open_once"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class LockoutKind(models.TextChoices):
    """Why entries are locked."""

    DAILY_LOSS = "daily_loss", "Daily loss limit"
    SESSIONS_PER_DAY = "sessions_per_day", "Sessions per day"
    CONSECUTIVE_LOSSES = "consecutive_losses", "Consecutive losses"


class Lockout(models.Model):
    """Entries of one mode are locked on one IST day, until that day ends or somebody types the unlock."""

    kind = models.CharField(max_length=24, choices=LockoutKind.choices)
    mode = models.CharField(max_length=10, choices=Mode.choices)
    trading_day = models.DateField()
    reason = models.CharField(max_length=255)
    session = models.ForeignKey(StrategySession, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "mode", "trading_day"], name="lockout_once_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.trading_day}"
