"""Work that a thread of its own does again and again, beside the requests and the trading."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import close_old_connections, connections


def repeat(
    step: Callable[[], object], *, pause: float, ended: threading.Event, log: logging.Logger, failure: str, event: str
) -> None:
    """Do ``step`` every ``pause`` seconds until ``ended``. An error never ends it: ``failure`` is logged, as ``event``,
    at the first of a row of them.
    """
    broken = False
    while not ended.wait(pause):
        try:
            close_old_connections()
            step()
            broken = False
        except Exception:
            if not broken:
                log.exception(failure, extra={"event": event})
            broken = True
    connections.close_all()
