"""Keeping what a pre-flight found."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.services import record_event
from trading.models import PreflightRun


def record_preflight(*, mode: str, environment: str, checks: Sequence[dict[str, object]], source: str) -> PreflightRun:
    """Store a pre-flight; it passed when every check did, and there was one. ``checks`` are
    ``{name, passed, found, advice}``. Audited.
    """
    passed = bool(checks) and all(check["passed"] for check in checks)
    run = PreflightRun.objects.create(mode=mode, environment=environment, passed=passed, checks=list(checks))
    failed = [check["name"] for check in checks if not check["passed"]]
    record_event(
        actor=None,
        action="preflight",
        outcome="ok" if passed else "failed",
        target=mode,
        source=source,
        detail={"environment": environment, "failed": failed},
    )
    return run
