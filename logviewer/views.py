"""The log page, and its lines as CSV."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import login_required
from deltastrangle.htmx import wants_fragment
from logviewer.export import export
from logviewer.lines import payload_of
from logviewer.models import BackendLog
from logviewer.selectors import LogQuery, logs_page, summary_of

SIZES: Final = (25, 50, 100, 200)
ROWS: Final = 50
MOST_PAGES: Final = 1_000_000
CUSTOM: Final = "custom"
RANGES: Final = {"15m": timedelta(minutes=15), "1h": timedelta(hours=1), "24h": timedelta(hours=24)}
RANGE_CHOICES: Final = [
    ("", "All"),
    ("15m", "15 minutes"),
    ("1h", "1 hour"),
    ("24h", "24 hours"),
    (CUSTOM, "From and to"),
]
LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def _moment(label: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": "1"})
    return forms.DateTimeField(label=label, required=False, widget=widget)


class LogForm(forms.Form):
    """The query of the page. A field that cannot be read says so and filters nothing; times are UTC."""

    search = forms.CharField(label="Message", required=False, max_length=200)
    range = forms.ChoiceField(required=False, choices=RANGE_CHOICES)
    level = forms.ChoiceField(required=False, choices=[("", "Any"), *((name, name.capitalize()) for name in LEVELS)])
    logger = forms.CharField(required=False, max_length=128)
    event = forms.CharField(required=False, max_length=128)
    strategy_id = forms.CharField(label="Strategy", required=False, max_length=128)
    correlation_id = forms.CharField(label="Correlation", required=False, max_length=128)
    start = _moment("From, UTC")
    end = _moment("To, UTC")
    page_size = forms.TypedChoiceField(
        label="Rows", required=False, coerce=int, empty_value=None, choices=[(size, str(size)) for size in SIZES]
    )
    live = forms.BooleanField(label="Live, every 5 s", required=False)

    def query(self, now: datetime) -> LogQuery:
        """What is asked for, counted back from ``now`` for a quick range."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        chosen = given.get("range") or (CUSTOM if "start" in given or "end" in given else "")
        names = ("search", "level", "logger", "event", "strategy_id", "correlation_id")
        filters = {name: given[name] for name in names if name in given}
        if chosen == CUSTOM:
            return LogQuery(**filters, start=given.get("start"), end=given.get("end"))
        return LogQuery(**filters, start=now - RANGES[chosen] if chosen else None)


@never_cache
@require_safe
@login_required
def logs(request: HttpRequest) -> HttpResponse:
    """The page; htmx gets summary and table alone."""
    form = LogForm({"page_size": ROWS, **request.GET.dict()})
    query = form.query(datetime.now(UTC))
    context = {"form": form, **_found(request, form, query)}
    return render(request, "logviewer/panels/lines.html" if wants_fragment(request) else "logviewer/logs.html", context)


@never_cache
@require_safe
@login_required
def export_csv(request: HttpRequest) -> HttpResponseBase:
    """The lines that the page shows, all of them."""
    return export(LogForm(request.GET).query(datetime.now(UTC)))


def _found(request: HttpRequest, form: LogForm, query: LogQuery) -> dict[str, Any]:
    size = form.cleaned_data.get("page_size") or ROWS
    number = _number(request.GET.get("page", ""))
    page = logs_page(query, page=number, page_size=size)
    params = request.GET.copy()
    params.pop("page", None)
    first = (number - 1) * size
    return {
        "summary": summary_of(query),
        "rows": [(line, pretty(line)) for line in page.items],
        "total": page.total,
        "is_capped": page.is_capped,
        "is_partial": page.is_partial,
        "number": number,
        "first": first + 1,
        "last": first + len(page.items),
        "older": number + 1 if first + size < page.total or (page.is_capped and len(page.items) == size) else None,
        "newer": number - 1 if number > 1 else None,
        "query": params.urlencode(),
        "path": f"{request.path}?{request.GET.urlencode()}",
        "is_live": bool(form.cleaned_data.get("live")) and number == 1,
        "is_filtered": query != LogQuery(),
    }


def _number(text: str) -> int:
    return min(max(int(text), 1), MOST_PAGES) if text.isdecimal() and text.isascii() and len(text) < 10 else 1


def pretty(line: BackendLog) -> str:
    """The payload to be read by people; the line itself when it was no JSON object."""
    payload = payload_of(line.payload)
    return line.message if payload is None else json.dumps(payload, indent=2, ensure_ascii=False)
