"""The analytics page, and each of its charts as CSV."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import login_required
from analytics.charts import calendar_of, charts_of, csv_row
from analytics.export import export
from analytics.forms import ScopeForm
from analytics.selectors.history import history
from analytics.selectors.scope import Scope, scope_of
from analytics.selectors.sessions import attribution, sessions_page
from deltastrangle.csv_export import stream_csv
from deltastrangle.htmx import wants_fragment

PAGE_POINTS: Final = 300
CSV_POINTS: Final = 1_000_000
ROWS: Final = 15
MOST_PAGES: Final = 1_000_000
BREAKDOWN_TITLES: Final = {
    "weekday": "By weekday, IST",
    "entry_hour": "By entry hour, IST",
    "exit_reason": "By exit reason",
    "revision": "By configuration revision",
}
CAUSES: Final = (
    ("delta", "Delta", "moves of the index"),
    ("gamma", "Gamma", "how the moves bent"),
    ("theta", "Theta", "time that passed"),
    ("vega", "Vega", "volatility that changed"),
    ("residual", "Residual", "what the model leaves over"),
    ("slippage", "Slippage", "fills against decision prices"),
    ("fees", "Fees", "paid to the venue, GST included"),
)


@never_cache
@require_safe
@login_required
def analytics(request: HttpRequest) -> HttpResponse:
    """The page; htmx gets the figures alone."""
    form = ScopeForm({"preset": "30D", **request.GET.dict()})
    context = {"form": form, **figures(request, scope_of(form.wish()))}
    context["refresh"] = form.is_automatic
    return render(
        request, "analytics/panels/figures.html" if wants_fragment(request) else "analytics/analytics.html", context
    )


@never_cache
@require_safe
@login_required
def chart_csv(request: HttpRequest, name: str) -> HttpResponseBase:
    """One chart of the page with all its points; 404 for a name that no chart has."""
    scope = _scope(request)
    found = history(scope, points=CSV_POINTS, page_size=0)
    chart = next((chart for chart in charts_of(found) if chart.name == name), None)
    if chart is None:
        raise Http404
    return stream_csv(chart.columns, (csv_row(row) for row in chart.rows), filename=f"analytics-{name}.csv")


@never_cache
@require_safe
@login_required
def export_csv(request: HttpRequest) -> HttpResponseBase:
    """The whole history of the page's scope as CSV."""
    return export(_scope(request))


def _scope(request: HttpRequest) -> Scope:
    return scope_of(ScopeForm({"preset": "30D", **request.GET.dict()}).wish())


def figures(request: HttpRequest, scope: Scope) -> dict[str, Any]:
    """What the figures' panel shows."""
    found = history(scope, points=PAGE_POINTS, page_size=0)
    page = sessions_page(scope, page=_page(request), page_size=ROWS)
    query = {name: value for name, value in request.GET.items() if name != "page"}
    return {
        "found": found,
        "metrics": found.metrics,
        "kpis": found.kpis,
        "status": found.status,
        "causes": [(label, note, found.attribution[name]) for name, label, note in CAUSES],
        "attribution": found.attribution,
        "charts": charts_of(found),
        "months": calendar_of(found.calendar),
        "breakdowns": [(BREAKDOWN_TITLES[name], rows) for name, rows in found.breakdowns.items()],
        "page": page,
        "rows": [(row, attribution(row)) for row in page.items],
        "query": urlencode(query),
        "path": f"{request.path}?{request.GET.urlencode()}",
    }


def _page(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return min(max(int(text), 1), MOST_PAGES) if text.isdecimal() and text.isascii() and len(text) < 10 else 1
