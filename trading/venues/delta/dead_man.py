"""The exchange's dead-man switch, armed only while entry orders rest (§5). Off unless configured.

It cancels orders and never closes a position; whether it spares reduce-only orders and stops is documented nowhere, so
it is disarmed as soon as no entry order rests, and no stop is sent before that is done. An earlier process may have
left it armed: it counts as armed until the exchange has answered otherwise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from trading.venues.delta.errors import DeltaError
from trading.venues.delta.fields import BadField
from trading.venues.delta.rest import Rest
from trading.venues.delta.stream import Waits

log = logging.getLogger("trading.venues.delta")
HEARTBEAT_ID = "delta-strangle"
RETRY_SECONDS = 1.0


class DeadMan:
    """Keeps the switch in step with the orders. ``entries_rest`` says whether entry orders are at the exchange;
    ``look`` wants to hear of every change of an order.
    """

    def __init__(
        self,
        rest: Rest,
        *,
        ttl_ms: int,
        ack_seconds: float,
        underlyings: Sequence[str],
        entries_rest: Callable[[], bool],
        waits: Waits,
    ) -> None:
        self.armed: bool | None = None
        self._rest = rest
        self._ttl_ms = ttl_ms
        self._ack_seconds = ack_seconds
        self._underlyings = tuple(underlyings)
        self._entries_rest = entries_rest
        self._sleep = waits.sleep
        self._created = False
        self._turn = asyncio.Lock()
        self._changed = asyncio.Event()

    def look(self) -> None:
        """Orders changed: see at once whether the switch has to follow."""
        if self._entries_rest() is not self.armed:
            self._changed.set()

    async def run(self) -> None:
        """Follow the orders for ever. A refused request is logged and repeated; trading goes on without the switch."""
        while True:
            self._changed.clear()
            pause = self._ack_seconds
            try:
                await self.step()
            except (DeltaError, BadField) as error:
                log.warning("The dead-man switch: %s", error, extra={"event": "delta_dead_man_refused"})
                pause = min(RETRY_SECONDS, pause)
                await self._sleep(pause)
                continue
            await self._until_changed(pause)

    async def _until_changed(self, seconds: float) -> None:
        waiting = [asyncio.ensure_future(self._changed.wait()), asyncio.ensure_future(self._sleep(seconds))]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def step(self) -> None:
        """Arm, acknowledge or disarm. Raises DeltaError; the next step tries again."""
        async with self._turn:
            if self._entries_rest():
                await self._acknowledge()
            elif self.armed is not False:
                await self._disarm()

    async def _acknowledge(self) -> None:
        if not self._created:
            await self._rest.create_heartbeat(HEARTBEAT_ID, self._underlyings)
            self._created = True
        # Even when no answer comes it may be armed now.
        self.armed = True
        await self._rest.heartbeat(HEARTBEAT_ID, self._ttl_ms)

    async def _disarm(self) -> None:
        try:
            await self._rest.heartbeat(HEARTBEAT_ID, 0)
        except DeltaError as error:
            if error.status != 404:
                raise
            self._created = False
        self.armed = False
        log.info("The dead-man switch is off", extra={"event": "delta_dead_man_off"})

    async def stand_down(self) -> None:
        """Be sure that it is off, before something rests that it must not cancel. Raises DeltaError when it is not."""
        await self.step()
        if self.armed:
            raise DeltaError("dead_man_armed", "The dead-man switch is armed while entry orders rest")
