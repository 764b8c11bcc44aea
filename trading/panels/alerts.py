"""What an operator must know before anything else, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from trading.panels.formats import age, prose
from trading.panels.records import Records, Runtime, in_session
from trading.panels.words import MODES, TRADING_MODES

RANKS: Final = ("error", "warn", "info")


@dataclass(frozen=True, slots=True)
class Alert:
    """One line of the alert strip; ``link`` is the name of a URL to go to."""

    level: str
    text: str
    link: str = ""
    link_text: str = ""


def alerts(runtime: Runtime, records: Records) -> list[Alert]:
    """The alerts that hold now, errors first."""
    found = [
        *_engine(runtime),
        *_session(runtime),
        *_platform(runtime, records),
        *_locks(runtime, records),
        *_venue(runtime),
        *_setup(runtime, records),
    ]
    told = [replace(alert, text=prose(alert.text)) for alert in found]
    return sorted(told, key=lambda alert: RANKS.index(alert.level))


def _engine(runtime: Runtime) -> Iterator[Alert]:
    worker = runtime.get("worker") or {}
    if not worker.get("alive"):
        seen = worker.get("heartbeat_age_seconds")
        last = f" It was last heard of {age(seen)} ago." if seen is not None else ""
        if in_session(runtime):
            text = f"The engine is not running: nobody guards the open session.{last}"
            yield Alert("error", f"{text} Start the worker; it resumes by itself.")
        else:
            yield Alert("warn", f"The engine is not running.{last} Nothing can start until it does.")
    elif worker.get("standby"):
        yield Alert("info", "This worker stands by: another one holds the engine lease.")


def _session(runtime: Runtime) -> Iterator[Alert]:
    if runtime.get("phase") == "attention" or runtime.get("attention"):
        unnamed = "The engine could not finish what it began; look at the decisions."
        yield Alert("error", str(runtime.get("attention") or unnamed))
    totals = runtime.get("totals") or {}
    if in_session(runtime) and totals.get("complete") is False and totals.get("why_not"):
        yield Alert("warn", f"P&L is incomplete: {totals['why_not']}.")
    refusals = (runtime.get("entry") or {}).get("refusals") or []
    if refusals and runtime.get("phase") in {"waiting", "selecting", "entering"}:
        yield Alert("warn", f"No entry yet: {'; '.join(str(text).rstrip('.') for text in refusals[:3])}.")


def _platform(runtime: Runtime, records: Records) -> Iterator[Alert]:
    mode = str(runtime.get("trading_mode") or "active")
    why = f" ({records.locked_because})" if records.locked_because else ""
    if mode == "halted":
        yield Alert("error", f"Trading is halted{why}. Nothing can start until RESUME is typed under Control.")
    elif mode != "active":
        yield Alert("warn", f"{TRADING_MODES.get(mode, mode)}{why}: what is open stays guarded, nothing new is sold.")


def _locks(runtime: Runtime, records: Records) -> Iterator[Alert]:
    for lockout in records.lockouts:
        mode = MODES.get(lockout.mode, lockout.mode).lower()
        yield Alert("warn", f"No new entries in {mode} today: {lockout.reason} UNLOCK is typed under Control.")
    closed = [gate for gate in runtime.get("gates") or [] if gate["closed"]]
    if closed and (runtime.get("worker") or {}).get("alive"):
        names = " and ".join(str(gate["label"]).lower() for gate in closed)
        yield Alert("warn", f"Entries wait for {names} (Health gates, below); what is open stays guarded.")


def _venue(runtime: Runtime) -> Iterator[Alert]:
    venue = runtime.get("venue") or {}
    detail = str(venue.get("detail") or "").rstrip(".")
    if venue.get("connected") is False:
        said = f"No connection to the venue {venue.get('name', '')}" + (f": {detail}." if detail else ".")
        yield Alert("error" if in_session(runtime) else "warn", said)
        return
    if in_session(runtime) and detail:
        yield Alert("warn", f"The venue answers, but: {detail}.")
    if in_session(runtime) and venue.get("reconciled") is False and venue.get("reconciled_at"):
        different = "The ledger and the venue disagree; the engine is reconciling."
        unknown = "What the venue holds is not known while it cannot be read; the engine asks again."
        yield Alert("error", unknown if venue.get("unread") else different)


def _setup(runtime: Runtime, records: Records) -> Iterator[Alert]:
    if not in_session(runtime) and records.configuration is None:
        yield Alert("info", "No configuration is active.", "configurations", "Choose or create one")
