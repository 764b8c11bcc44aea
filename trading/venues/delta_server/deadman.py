"""The dead-man switch of the exchange's India house: heartbeats that cancel orders when they stop
(``spec/delta_exchange.md`` §5). It only cancels; it never closes a position.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trading.venues.delta_server.catalogue import category
from trading.venues.delta_server.clock import WallClocks
from trading.venues.delta_server.config import Quirks
from trading.venues.delta_server.wire import Json, WireError, bad_schema, choice, integer
from trading.venues.simulated.exchange import SimulatedExchange
from trading.venues.simulated.records import ExchangeError, OrderRecord

_IMPACTS = ("contracts", "products")
_ACTIONS = ("cancel_orders", "spreads")


@dataclass(slots=True)
class Heartbeat:
    """One switch. ``deadline`` is monotonic seconds, None while disarmed; ``last_ack`` is Unix microseconds."""

    heartbeat_id: str
    impact: str
    contract_types: list[str]
    underlying_assets: list[str]
    product_symbols: list[str]
    config: list[Json]
    deadline: float | None = None
    ttl: float = 0.0
    last_ack: int | None = None
    status: str = "inactive"
    fired: int = field(default=0)

    def covers(self, order: OrderRecord) -> bool:
        """Whether the switch is responsible for an order."""
        if self.impact == "products":
            return order.symbol in self.product_symbols
        underlying = order.symbol.split("-")[1]
        assets = not self.underlying_assets or underlying in self.underlying_assets
        return assets and category(order.symbol) in self.contract_types

    @property
    def patience(self) -> float:
        """Seconds from the last acknowledgement until it acts."""
        missed = [int(action["unhealthy_count"]) for action in self.config if action["action"] == "cancel_orders"]
        return self.ttl * min(missed, default=1)

    @property
    def cancels(self) -> bool:
        """Whether one of its actions cancels orders."""
        return any(action["action"] == "cancel_orders" for action in self.config)


class DeadMan:
    """All switches of the account."""

    def __init__(self, exchange: SimulatedExchange, quirks: Quirks, clocks: WallClocks) -> None:
        self._exchange = exchange
        self._quirks = quirks
        self._clocks = clocks
        self._beats: dict[str, Heartbeat] = {}

    def create(self, body: Mapping[str, Any]) -> Json:
        """``POST /v2/heartbeat/create``."""
        name = str(body.get("heartbeat_id") or "")
        if not name:
            raise bad_schema("heartbeat_id", "heartbeat_id is required")
        impact = choice(body, "impact", _IMPACTS)
        if not impact:
            raise bad_schema("impact", "impact is contracts or products")
        needed = "contract_types" if impact == "contracts" else "product_symbols"
        if not body.get(needed):
            raise bad_schema(needed, f"{needed} is required with impact {impact}")
        actions = body.get("config")
        if not isinstance(actions, list) or not actions:
            raise bad_schema("config", "config is a list of actions")
        for action in actions:
            if not isinstance(action, dict) or action.get("action") not in _ACTIONS:
                raise bad_schema("config", "an action is cancel_orders or spreads")
            action["unhealthy_count"] = integer(action, "unhealthy_count") or 1
            if action["unhealthy_count"] < 1:
                raise bad_schema("unhealthy_count", "unhealthy_count is at least 1")
        self._beats[name] = Heartbeat(
            heartbeat_id=name,
            impact=impact,
            contract_types=list(body.get("contract_types") or ()),
            underlying_assets=list(body.get("underlying_assets") or ()),
            product_symbols=list(body.get("product_symbols") or ()),
            config=actions,
        )
        return {"heartbeat_id": name}

    def acknowledge(self, body: Mapping[str, Any]) -> Json:
        """``POST /v2/heartbeat``: ``ttl`` milliseconds from now; 0 disarms."""
        beat = self._beats.get(str(body.get("heartbeat_id") or ""))
        if beat is None:
            raise WireError(404, "heartbeat_not_found")
        ttl = integer(body, "ttl")
        if ttl is None or ttl < 0:
            raise bad_schema("ttl", "ttl is milliseconds, 0 to disarm")
        now = self._clocks.wall()
        beat.ttl = ttl / 1000.0
        beat.last_ack = int(now * 1_000_000)
        beat.status = "healthy" if ttl else "inactive"
        beat.deadline = self._clocks.mono() + beat.patience if ttl else None
        return {"heartbeat_timestamp": str(int((now + beat.ttl) * 1000)), "process_enabled": "true" if ttl else "false"}

    def rows(self, name: str, user_id: int) -> list[Json]:
        """``GET /v2/heartbeat``."""
        return [self._row(beat, user_id) for beat in self._beats.values() if not name or beat.heartbeat_id == name]

    def _row(self, beat: Heartbeat, user_id: int) -> Json:
        required = None if beat.last_ack is None else beat.last_ack + int(beat.ttl * 1_000_000)
        return {
            "user_id": user_id,
            "heartbeat_id": beat.heartbeat_id,
            "impact": beat.impact,
            "contract_types": beat.contract_types,
            "underlying_assets": beat.underlying_assets,
            "product_symbols": beat.product_symbols,
            "config": beat.config,
            "status": beat.status,
            "last_ack": beat.last_ack,
            "next_ack_required_by": required,
        }

    def check(self) -> int:
        """Act for every switch whose time ran out; returns how many orders were cancelled."""
        now = self._clocks.mono()
        late = [beat for beat in self._beats.values() if beat.deadline is not None and now >= beat.deadline]
        return sum(self._act(beat) for beat in late)

    def _act(self, beat: Heartbeat) -> int:
        beat.deadline, beat.status = None, "unhealthy"
        beat.fired += 1
        if not beat.cancels:
            return 0
        cancelled = 0
        for order in [*self._exchange.open_orders(), *self._exchange.pending_orders()]:
            spared = self._quirks.heartbeat_spares_stops and (order.reduce_only or bool(order.stop_type))
            if not beat.covers(order) or spared:
                continue
            try:
                self._exchange.cancel(order_id=order.id, reason="cancelled_by_heartbeat")
            except ExchangeError:  # it filled on the way
                continue
            cancelled += 1
        return cancelled
