"""The panel of why: what closed the session, what came nearest, and the rules at any minute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.utils.dateparse import parse_datetime

from trading.engine.view import RULE_LABELS
from trading.models import DecisionTrace
from trading.panels.formats import share
from trading.panels.rule_words import distance
from trading.panels.words import phase_words, reason_words
from trading.selectors.traces import Nearest, nearest_of, stretches_at, trace_span, why_closed
from trading.strategy.schedule import IST

LOCAL_MINUTE: Final = "%Y-%m-%dT%H:%M"
SHOWN: Final = 20
LABELS: Final = {rule.value: label for rule, label in RULE_LABELS.items()}
VERDICTS: Final = {"act": "acts", "hold": "holds", "off": "off", "unknown": "unknown"}


def trace_panel(pk: int, asked: str = "") -> dict[str, Any]:
    """The panel's context. ``asked`` is a minute in IST as the picker writes it; what cannot be read says so and shows
    the last minute. Raises NotFound.
    """
    why, span = why_closed(pk), trace_span(pk)
    minute = _minute(asked)
    at = minute if minute is not None else span[1].replace(second=0, microsecond=0) if span else None
    stretches = stretches_at(pk, at) if at is not None else []
    return {
        "pk": pk,
        "why": why,
        "why_text": reason_words(why.reason),
        "why_distance": distance(why.rule) if why.rule else "",
        "nearest": [_nearest(found) for found in nearest_of(pk)],
        "span": span,
        "first": _local(span[0]) if span else "",
        "last": _local(span[1]) if span else "",
        "at": _local(at) if at else "",
        "unread": bool(asked) and minute is None,
        "stretches": [_stretch(row) for row in stretches[-SHOWN:]],
        "more": max(0, len(stretches) - SHOWN),
    }


def _minute(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    if found is None or not 2000 <= found.year <= 2200:
        return None
    return found.replace(tzinfo=IST, second=0, microsecond=0) if found.tzinfo is None else found


def _local(at: datetime) -> str:
    return at.astimezone(IST).strftime(LOCAL_MINUTE)


def _nearest(found: Nearest) -> dict[str, Any]:
    return {
        "label": _label(found.rule),
        "share": share(found.progress * 100, 0),
        "width": round(found.progress * 100),
        "at": parse_datetime(found.at) if found.at else None,
    }


def _stretch(row: DecisionTrace) -> dict[str, Any]:
    return {
        "row": row,
        "phase": phase_words(row.phase)[0],
        "nearest": _label(row.nearest_rule),
        "rules": [_rule(rule) for rule in row.results if rule.get("verdict") != "off"],
        "off": [_label(r.get("rule")) for r in row.results if r.get("verdict") == "off"],
    }


def _label(rule: object) -> str:
    """A rule's name for people; one that is no longer known as it is stored."""
    return LABELS.get(str(rule), str(rule))


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    verdict = str(rule.get("verdict"))
    return {
        "label": _label(rule.get("rule")),
        "verdict": VERDICTS.get(verdict, verdict),
        "acts": verdict == "act",
        "where": distance(rule) or rule.get("detail") or "",
        "share": share(float(rule.get("progress") or 0) * 100, 0),
    }
