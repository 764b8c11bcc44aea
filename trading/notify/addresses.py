"""Where alerts go: the entries of ``ALERT_URLS``, read without the library that sends them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from deltastrangle.checks import ALERT_ENTRY, ALERT_SEPARATOR

SEVERITIES: Final = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Address:
    """One destination: its place in the list (from 1), the least severity it takes, and its URL, which is a secret."""

    number: int
    severity: str
    scheme: str
    url: str = field(repr=False)

    def takes(self, severity: str) -> bool:
        """Whether alerts of this severity go there."""
        return SEVERITIES.index(severity) >= SEVERITIES.index(self.severity)

    def __str__(self) -> str:
        return f"{self.number}: {self.scheme}://***"


def parse_addresses(text: str | None) -> tuple[Address, ...]:
    """``critical=tgram://…,json://…`` as addresses; one without a severity takes all.

    Raises ImproperlyConfigured, which names the entry by its number and never quotes it.
    """
    entries = [entry.strip() for entry in ALERT_SEPARATOR.split(text or "") if entry.strip()]
    return tuple(_parse(number, entry) for number, entry in enumerate(entries, 1))


def _parse(number: int, entry: str) -> Address:
    found = ALERT_ENTRY.fullmatch(entry)
    if found is None:
        raise ImproperlyConfigured(f"ALERT_URLS: entry {number} is not like severity=scheme://…")
    return Address(number, (found["severity"] or "info").lower(), found["scheme"].lower(), found["url"])
