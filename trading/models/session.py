"""Sessions and what is told of them: decisions and P&L over time."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from trading.models.configuration import ConfigurationRevision, Mode, TradingConfiguration
from trading.strategy.types import Phase


class SessionStatus(models.TextChoices):
    """The reference's two words for a stored session."""

    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"


class StrategySession(models.Model):
    """One run of a configuration: waiting, entry, guarding and exit of one strangle. Times are venue time.

    ``engine_state`` is the strategy's own state as text; only the engine reads it. ``decision_hash`` chains all
    ``decision_count`` decisions up to that state (SHA-256, hex). ``proof_of_flat`` keeps the venue's raw answers that
    let the session close. ``session_metadata`` has the reference's shape (``reference_product.md`` §2.11). At most one
    session is open: the database keeps that.
    """

    strategy_id = models.CharField(max_length=64, unique=True)
    status = models.CharField(max_length=20, choices=SessionStatus.choices, default=SessionStatus.RUNNING)
    phase = models.CharField(max_length=12, choices=[(p.value, p.value) for p in Phase], default=Phase.WAITING.value)
    mode = models.CharField(max_length=10, choices=Mode.choices)
    configuration = models.ForeignKey(
        TradingConfiguration, null=True, on_delete=models.SET_NULL, related_name="sessions"
    )
    revision = models.ForeignKey(ConfigurationRevision, on_delete=models.PROTECT, related_name="sessions")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    enter_now = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    deactivated_at = models.DateTimeField(null=True, blank=True)
    trading_day = models.DateField(null=True, blank=True)
    exit_reason = models.CharField(max_length=24, blank=True, default="")
    config_snapshot = models.JSONField(default=dict)
    pnl_summary = models.JSONField(default=dict, blank=True)
    session_metadata = models.JSONField(default=dict, blank=True)
    engine_state = models.TextField(blank=True, default="")
    decision_hash = models.CharField(max_length=64, blank=True, default="")
    decision_count = models.PositiveBigIntegerField(default=0)
    proof_of_flat = models.JSONField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # Pages are counted off here: in SQLite the key is the table itself, whose rows are wide.
            models.Index(fields=["id"], name="session_by_id"),
            models.Index(fields=["-activated_at", "-id"], name="session_newest"),
            models.Index(fields=["mode", "trading_day"], name="session_mode_day"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="running"), name="session_one_running"),
        ]

    def __str__(self) -> str:
        return self.strategy_id


class DecisionRecord(models.Model):
    """One line of the decision feed: what was decided, why, and the figures behind it."""

    session = models.ForeignKey(StrategySession, on_delete=models.CASCADE, related_name="decisions")
    at = models.DateTimeField()
    kind = models.CharField(max_length=48)
    level = models.CharField(max_length=10, default="info")
    message = models.CharField(max_length=500)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["session", "-id"], name="decision_session")]

    def __str__(self) -> str:
        return self.message


class DecisionTrace(models.Model):
    """The exit rules over a stretch of looks whose verdicts did not change: from the first look to the last.

    ``results`` holds the rules of the last look (rule, verdict, value, threshold, unit, progress, detail);
    ``nearest_rule`` is the one that came nearest to acting in the stretch, by ``nearest_progress`` (0 far, 1 acts).
    """

    session = models.ForeignKey(StrategySession, on_delete=models.CASCADE, related_name="traces")
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    looks = models.PositiveIntegerField(default=1)
    phase = models.CharField(max_length=12)
    nearest_rule = models.CharField(max_length=24, blank=True, default="")
    nearest_progress = models.FloatField(default=0)
    results = models.JSONField(default=list)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["session", "first_at"], name="trace_session_at")]

    def __str__(self) -> str:
        return f"{self.first_at:%H:%M:%S}–{self.last_at:%H:%M:%S} {self.nearest_rule}"


class PnlPoint(models.Model):
    """P&L of a session at one moment, in dollars on cost to close."""

    session = models.ForeignKey(StrategySession, on_delete=models.CASCADE, related_name="pnl_points")
    at = models.DateTimeField()
    net = models.DecimalField(max_digits=20, decimal_places=8)
    gross = models.DecimalField(max_digits=20, decimal_places=8)
    net_pct = models.DecimalField(max_digits=12, decimal_places=4)
    level_pct = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    spot = models.DecimalField(max_digits=20, decimal_places=8, null=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["session", "at"], name="pnl_session_at")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.net}"
