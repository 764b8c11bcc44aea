"""The exchange's dead-man switch, armed only while entry orders rest (§5). Off unless configured.

It cancels orders and never closes a position; whether it spares reduce-only orders and stops is documented nowhere, so
it is disarmed as soon as no entry order rests.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from trading.venues.delta.rest import Rest

log = logging.getLogger("trading.venues.delta")
HEARTBEAT_ID = "delta-strangle"


class DeadMan:
    """Keeps the switch in step with the orders. ``entries_rest`` says whether entry orders are at the exchange."""

    def __init__(
        self, rest: Rest, *, ttl_ms: int, underlyings: Sequence[str], entries_rest: Callable[[], bool]
    ) -> None:
        self.armed = False
        self._rest = rest
        self._ttl_ms = ttl_ms
        self._underlyings = tuple(underlyings)
        self._entries_rest = entries_rest
        self._created = False

    async def step(self) -> None:
        """Arm, acknowledge or disarm. Raises DeltaError; the next step tries again."""
        if self._entries_rest():
            if not self._created:
                await self._rest.create_heartbeat(HEARTBEAT_ID, self._underlyings)
                self._created = True
            await self._rest.heartbeat(HEARTBEAT_ID, self._ttl_ms)
            self.armed = True
        elif self.armed:
            await self._rest.heartbeat(HEARTBEAT_ID, 0)
            self.armed = False
            log.info("The dead-man switch is off", extra={"event": "delta_dead_man_off"})
