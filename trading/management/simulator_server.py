"""daphne as the simulator runs it. Importing this installs daphne's reactor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from daphne.server import Server

from trading.venues.delta_server.sockets import THROTTLED


class SimulatorServer(Server):
    """Refuses the upgrade of a socket too many with HTTP 429 (§7.1); daphne itself knows only 403."""

    async def handle_reply(self, protocol: Any, message: Mapping[str, Any]) -> None:
        """Pass an answer of the application on."""
        waiting = getattr(protocol, "handshake_deferred", None)
        if waiting is None or message["type"] != "websocket.close" or message.get("code") != THROTTLED:
            await super().handle_reply(protocol, message)
            return
        del protocol.handshake_deferred
        waiting.errback(ConnectionDeny(code=429, reason="Too many connections"))
        self.protocol_disconnected(protocol)
