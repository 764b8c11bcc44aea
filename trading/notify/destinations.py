"""Sending to destinations with apprise, each in a thread of its own, so that one that hangs holds nobody else up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from trading.notify.addresses import Address

log = logging.getLogger("trading.notify")
# The library tells addresses and answers in its own words; none of that may reach our logs.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
SEND_SECONDS: Final = 15.0
TYPES: Final = {"info": "info", "warning": "warning", "critical": "failure"}
Send = Callable[[str, str, str], bool]
"""Title, body and severity to whether the destination took it."""


@dataclass
class Destination:
    """An address with what sends to it; ``send`` None is an address that the library does not understand."""

    address: Address
    send: Send | None
    busy: threading.Thread | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message at one destination; ``error`` is empty when it was taken."""

    address: Address
    error: str
    seconds: float


def build(addresses: Sequence[Address]) -> list[Destination]:
    """The destinations of these addresses. Loads the library, which takes a while: not beside a running engine."""
    return [Destination(address, _sender(address)) for address in addresses]


def deliver(
    destinations: Sequence[Destination], title: str, body: str, severity: str, *, patience: float = SEND_SECONDS
) -> list[Outcome]:
    """Send to all of these at once and wait for them, ``patience`` seconds at most. Never raises.

    A destination that has not answered by then has failed for now; until it lets go of its thread it gets nothing new.
    """
    deadline = time.monotonic() + patience
    errors: dict[int, str] = {}
    started = [_start(d, title, body, severity, errors) for d in destinations]
    outcomes = []
    for destination, began in zip(destinations, started, strict=True):
        if began is not None:
            began.join(max(0.0, deadline - time.monotonic()))
            if began.is_alive():
                errors[destination.address.number] = f"no answer in {patience:.0f} s"
        took = time.monotonic() - (deadline - patience)
        outcomes.append(Outcome(destination.address, errors.get(destination.address.number, ""), took))
    return outcomes


def _start(
    destination: Destination, title: str, body: str, severity: str, errors: dict[int, str]
) -> threading.Thread | None:
    number, send = destination.address.number, destination.send
    if send is None:
        errors[number] = "the address is not understood"
        return None
    if destination.busy is not None and destination.busy.is_alive():
        errors[number] = "still waiting for an earlier message"
        return None

    def work() -> None:
        try:
            if not send(title, body, severity):
                errors[number] = "not taken"
        except Exception as error:
            # Its text may contain the address.
            errors[number] = f"failed with {type(error).__name__}"

    # A daemon, so that one which never answers does not keep the process from ending.
    destination.busy = threading.Thread(target=work, name=f"alert-{number}", daemon=True)
    destination.busy.start()
    return destination.busy


def _sender(address: Address) -> Send | None:
    import apprise

    plugin = apprise.Apprise.instantiate(address.url, suppress_exceptions=True)
    if plugin is None:
        log.error("Alert destination %s is not understood", address, extra={"event": "alert_address_bad"})
        return None

    def send(title: str, body: str, severity: str) -> bool:
        return bool(plugin.notify(title=title, body=body or title, notify_type=TYPES[severity]))

    return send
