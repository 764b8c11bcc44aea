"""Reading pre-flights."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from trading.models import PreflightRun

GOOD_FOR = timedelta(hours=24)


def latest_preflight(mode: str) -> PreflightRun | None:
    """The newest pre-flight of a mode."""
    return PreflightRun.objects.filter(mode=mode).first()


def preflight_refusal(mode: str) -> str:
    """Why the newest pre-flight of a mode is not good enough to trade on; empty when it is."""
    run = latest_preflight(mode)
    ask = f"Run on the worker: manage.py preflight --mode {mode}"
    if run is None:
        return f"No pre-flight was run. {ask}"
    if not run.passed:
        failed = ", ".join(str(check["name"]) for check in run.checks if not check["passed"])
        return f"The newest pre-flight failed ({failed}). {ask}"
    if timezone.now() - run.created_at > GOOD_FOR:
        hours = GOOD_FOR // timedelta(hours=1)
        return f"The newest pre-flight is older than {hours} hours. {ask}"
    return ""
