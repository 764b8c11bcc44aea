"""Control of the engine: commands, the lease, the trading mode and the runtime snapshot."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from trading.models.configuration import TradingConfiguration
from trading.models.session import StrategySession


class CommandAction(models.TextChoices):
    """What can be asked of the engine."""

    START = "start", "Start"
    STOP = "stop", "Stop"
    RESTART = "restart", "Restart"
    PANIC = "panic", "Panic close"
    CLEANUP = "cleanup", "Clean up"
    READ_ACCOUNT = "read_account", "Read the account"
    ADOPT = "adopt", "Adopt a position"
    FLATTEN = "flatten", "Flatten a position"


class CommandStatus(models.TextChoices):
    """Life of a command row."""

    PENDING = "pending", "Pending"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class EngineCommand(models.Model):
    """A command to the engine, with who asked, why, and what came of it.

    ``payload`` is what the action needs beyond the session: ``symbol``, ``size`` and ``mode`` of a foreign position.
    """

    action = models.CharField(max_length=16, choices=CommandAction.choices)
    session = models.ForeignKey(StrategySession, null=True, on_delete=models.SET_NULL, related_name="commands")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    actor_email = models.CharField(max_length=254, blank=True, default="")
    source = models.CharField(max_length=10, default="web")
    reason = models.CharField(max_length=255, blank=True, default="")
    leave_open = models.BooleanField(default=False)
    enter_now = models.BooleanField(default=False)
    payload = models.JSONField(default=dict, blank=True)
    configuration = models.ForeignKey(TradingConfiguration, null=True, on_delete=models.SET_NULL, related_name="+")
    idempotency_key = models.CharField(max_length=80, blank=True, default="")
    status = models.CharField(max_length=10, choices=CommandStatus.choices, default=CommandStatus.PENDING)
    result = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["status", "id"], name="command_status")]
        constraints = [
            models.UniqueConstraint(
                fields=["idempotency_key"], condition=~Q(idempotency_key=""), name="command_idempotent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} #{self.pk}"


class EngineLease(models.Model):
    """The right to trade: one row, claimed and renewed by a conditional update.

    ``fencing_token`` grows with every new owner.
    """

    name = models.CharField(max_length=20, unique=True, default="engine")
    owner = models.CharField(max_length=120, blank=True, default="")
    fencing_token = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.owner or 'nobody'} ({self.fencing_token})"


class TradingModeChoice(models.TextChoices):
    """The platform's choke point."""

    ACTIVE = "active", "Active"
    STOP_ENTRIES = "stop_entries", "Stop new entries"
    REDUCE_ONLY = "reduce_only", "Reduce only"
    HALTED = "halted", "Halted"


class TradingMode(models.Model):
    """The one row that says what the engine may send."""

    name = models.CharField(max_length=20, unique=True, default="platform")
    mode = models.CharField(max_length=12, choices=TradingModeChoice.choices, default=TradingModeChoice.ACTIVE)
    reason = models.CharField(max_length=255, blank=True, default="")
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.mode


class RuntimeSnapshot(models.Model):
    """The newest runtime picture of the worker, and its heartbeat (wall time)."""

    name = models.CharField(max_length=20, unique=True, default="engine")
    owner = models.CharField(max_length=120, blank=True, default="")
    sequence = models.PositiveBigIntegerField(default=0)
    payload = models.JSONField(default=dict)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"#{self.sequence} by {self.owner}"
