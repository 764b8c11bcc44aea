"""The hint to browsers that a new snapshot is there: sent over the channel layer, never relied on."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from channels.layers import get_channel_layer

log = logging.getLogger("trading.publish")
GROUP = "runtime"


async def announce(sequence: int, payload: Mapping[str, object]) -> None:
    """Tell every runtime consumer.

    A broken layer is logged and otherwise ignored: the row in the database is the record.
    """
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        await layer.group_send(GROUP, {"type": "runtime.update", "sequence": sequence, "payload": dict(payload)})
    except Exception as error:
        log.warning("The runtime update could not be announced: %s", error, extra={"event": "announce_failed"})
