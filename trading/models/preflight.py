"""Pre-flights: what was looked at before real orders, and what was found."""

from __future__ import annotations

from django.db import models

from trading.models.configuration import Mode


class PreflightRun(models.Model):
    """One run of ``manage.py preflight``. ``checks`` is a list of ``{name, passed, found, advice}``."""

    mode = models.CharField(max_length=10, choices=Mode.choices)
    environment = models.CharField(max_length=20)
    passed = models.BooleanField()
    checks = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.mode} {'passed' if self.passed else 'failed'} {self.created_at:%Y-%m-%d %H:%M}"
