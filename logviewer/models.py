"""Log lines of our own processes, reports of browsers, how far each file was read, and counts by the hour."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import Q

MESSAGE: Final = 1024
NAME: Final = 128
LEVEL: Final = 16


class LogFile(models.Model):
    """One generation of a file: from its first byte to its renaming or truncation.

    An inode alone is no name, since it is given again. A generation is known by its inode *and* by what it began and
    went on with: hashes of its first bytes and of those right before ``offset``, which is where reading goes on.
    """

    path = models.CharField(max_length=500)
    device = models.CharField(max_length=24)
    inode = models.CharField(max_length=24)
    offset = models.BigIntegerField(default=0)
    head = models.CharField(max_length=40, default="")
    head_length = models.PositiveIntegerField(default=0)
    tail = models.CharField(max_length=40, default="")
    tail_length = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["device", "inode"], name="logfile_inode")]

    def __str__(self) -> str:
        return f"{self.path} #{self.pk} to {self.offset}"


class BackendLog(models.Model):
    """One line. ``source`` is the id of its ``LogFile`` and ``position`` its first byte there: that is its identity.

    Rows are written by ``logviewer.ingest`` in SQL of its own. ``payload`` is the line's JSON object as it stood, or
    empty when the line was none.
    """

    source = models.BigIntegerField()
    position = models.BigIntegerField()
    line_hash = models.CharField(max_length=40)
    logged_at = models.DateTimeField()
    ingested_at = models.DateTimeField()
    level = models.CharField(max_length=LEVEL)
    logger_name = models.CharField(max_length=NAME)
    event = models.CharField(max_length=NAME, blank=True, default="")
    message = models.CharField(max_length=MESSAGE)
    correlation_id = models.CharField(max_length=NAME, blank=True, default="")
    strategy_id = models.CharField(max_length=NAME, blank=True, default="")
    request_id = models.CharField(max_length=NAME, blank=True, default="")
    payload = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-logged_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["source", "position"], name="backendlog_identity")]
        indexes = [
            models.Index(fields=["logged_at"], name="backendlog_time"),
            models.Index(fields=["level", "logged_at"], name="backendlog_level"),
            models.Index(fields=["logger_name", "logged_at"], name="backendlog_logger"),
            models.Index(fields=["event", "logged_at"], name="backendlog_event", condition=~Q(event="")),
            models.Index(fields=["strategy_id", "logged_at"], name="backendlog_strategy", condition=~Q(strategy_id="")),
            models.Index(
                fields=["correlation_id", "logged_at"], name="backendlog_correlation", condition=~Q(correlation_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.logger_name}: {self.message[:60]}"


class LogTally(models.Model):
    """How many backend lines an hour (UTC) had of one kind: what the summary and totals are read from."""

    hour = models.DateTimeField()
    level = models.CharField(max_length=LEVEL)
    logger_name = models.CharField(max_length=NAME)
    event = models.CharField(max_length=NAME, blank=True, default="")
    strategy_id = models.CharField(max_length=NAME, blank=True, default="")
    lines = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "level", "logger_name", "event", "strategy_id"], name="logtally_identity"
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.level} {self.logger_name}: {self.lines}"


class FrontendLog(models.Model):
    """What a browser reported; ``created_at`` is its clock, ``received_at`` ours."""

    created_at = models.DateTimeField()
    received_at = models.DateTimeField()
    level = models.CharField(max_length=LEVEL)
    message = models.CharField(max_length=512)
    event = models.CharField(max_length=NAME, blank=True, default="")
    session_id = models.CharField(max_length=64, blank=True, default="")
    environment = models.CharField(max_length=32, blank=True, default="")
    source = models.CharField(max_length=64, default="frontend")
    app_version = models.CharField(max_length=64, blank=True, default="")
    user_id = models.CharField(max_length=64, blank=True, default="")
    correlation_id = models.CharField(max_length=NAME, blank=True, default="")
    request_id = models.CharField(max_length=NAME, blank=True, default="")
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["created_at"], name="frontendlog_time"),
            models.Index(fields=["level", "created_at"], name="frontendlog_level"),
            models.Index(fields=["received_at"], name="frontendlog_received"),
        ]

    def __str__(self) -> str:
        return f"{self.level}: {self.message[:60]}"
