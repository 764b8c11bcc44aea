"""daphne as the simulator runs it. Importing this installs daphne's reactor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from autobahn.websocket.types import ConnectionDeny
from daphne.server import Server

from trading.venues.delta_server.sockets import THROTTLED


class SimulatorServer(Server):
    """Refuses the upgrade of a socket too many with HTTP 429 (§7.1); daphne itself knows only 403."""

    async def handle_reply(self, protocol: Any, message: Mapping[str, Any]) -> None:
        """Pass an answer of the application on."""
        daphne, deny = cast(Any, super()), cast(Any, ConnectionDeny)
        waiting = getattr(protocol, "handshake_deferred", None)
        if waiting is None or message["type"] != "websocket.close" or message.get("code") != THROTTLED:
            await daphne.handle_reply(protocol, message)
            return
        del protocol.handshake_deferred
        waiting.errback(deny(code=429, reason="Too many connections"))
        daphne.protocol_disconnected(protocol)
