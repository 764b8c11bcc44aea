"""The thread that sends alerts: beside the engine and never in its way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from django.utils import timezone

from deltastrangle.repeating import repeat
from trading.engine.ports import Notice
from trading.models import Alert
from trading.notify import outbox
from trading.notify.destinations import SEND_SECONDS, Destination, deliver

log = logging.getLogger("trading.notify")
PAUSE_SECONDS = 1.0
MOST_REMEMBERED = 500


class AlertSender:
    """Sends what is due, a step at a time. ``stuck`` gives notices that could not be written to the database: those are
    sent at once, once each, for nobody would hear of them otherwise.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        *,
        stuck: Callable[[], Sequence[Notice]] = tuple,
        patience: float = SEND_SECONDS,
    ) -> None:
        self._destinations = destinations
        self._stuck = stuck
        self._patience = patience
        self._failed: dict[tuple[int, str], frozenset[int]] = {}
        self._told: list[Notice] = []
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread of its own; it ends with the process if nobody stops it."""
        self._thread = threading.Thread(target=self._run, name="alert-sender", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 2.0) -> None:
        """Have it end; what is under way is left behind after ``patience`` seconds."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(patience)

    def step(self) -> int:
        """Send everything that is due now; how many were taken by all who should have them."""
        self._tell_stuck()
        return sum(self._send(alert) for alert in outbox.due(timezone.now()))

    def _run(self) -> None:
        said = "Alerts cannot be sent; trying on"
        repeat(self.step, pause=PAUSE_SECONDS, ended=self._ended, log=log, failure=said, event="alert_sender_failed")

    def _send(self, alert: Alert) -> bool:
        takers = [d for d in self._destinations if d.address.takes(alert.severity)]
        if not takers:
            outbox.keep(alert)
            return False
        if not outbox.claim(alert, timezone.now()):
            return False
        # Whoever has it already is spared the repetition; after a restart that is forgotten. Nobody has one that became
        # worse.
        left = self._failed.get((alert.pk, alert.severity))
        outcomes = deliver(
            [d for d in takers if left is None or d.address.number in left],
            f"[{alert.severity}] {alert.title}",
            body_of(alert),
            alert.severity,
            patience=self._patience,
        )
        failed = [outcome for outcome in outcomes if outcome.error]
        self._remember((alert.pk, alert.severity), frozenset(outcome.address.number for outcome in failed))
        outbox.settle(alert, error="; ".join(f"{outcome.address} {outcome.error}" for outcome in failed))
        for outcome in failed:
            log.warning("Alert %s: %s %s", alert.pk, outcome.address, outcome.error, extra={"event": "alert_failed"})
        return not failed

    def _remember(self, key: tuple[int, str], failed: frozenset[int]) -> None:
        self._failed.pop(key, None)
        if failed:
            self._failed[key] = failed
        while len(self._failed) > MOST_REMEMBERED:
            del self._failed[next(iter(self._failed))]

    def _tell_stuck(self) -> None:
        # Whether an end is news is known to the database alone.
        stuck = [notice for notice in self._stuck() if not notice.ends]
        for notice in stuck:
            if notice not in self._told:
                takers = [d for d in self._destinations if d.address.takes(notice.severity)]
                deliver(takers, f"[{notice.severity}] {notice.title}", notice.message, notice.severity)
        self._told = stuck


def body_of(alert: Alert) -> str:
    """The text of an alert: what, how often, when."""
    again = f"\nRaised {alert.count} times." if alert.count > 1 else ""
    return f"{alert.message}{again}\n{alert.last_raised_at:%Y-%m-%d %H:%M:%S} UTC".strip()
