"""Sessions of the past: a filtered, paged table, and one session in full."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import login_required
from deltastrangle.htmx import wants_fragment
from trading.models import Mode, SessionStatus
from trading.panels.session import session_page
from trading.panels.trace import trace_panel
from trading.panels.words import EXIT_REASONS, leg_name
from trading.selectors.configurations import list_configurations
from trading.selectors.session_views import Page, SessionItem
from trading.selectors.sessions import list_sessions, session_detail

SIZES: Final = (10, 25, 50, 100)
USUAL_SIZE: Final = 25
MOST_PAGES: Final = 1_000_000
ANY: Final = ("", "Any")


class HistoryFilter(forms.Form):
    """The query of the history page. A field that cannot be read says so and filters nothing."""

    text = forms.CharField(label="Search", required=False, max_length=80)
    status = forms.ChoiceField(required=False, choices=[ANY, *SessionStatus.choices])
    mode = forms.ChoiceField(required=False, choices=[ANY, *Mode.choices])
    exit_reason = forms.ChoiceField(required=False, choices=[ANY, *EXIT_REASONS.items()])
    configuration = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    start = forms.DateField(label="From, IST", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    end = forms.DateField(label="To, IST", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    page_size = forms.TypedChoiceField(
        label="Rows", required=False, coerce=int, empty_value=None, choices=[(size, str(size)) for size in SIZES]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(str(found.pk), found.name) for found in list_configurations()]
        self.fields["configuration"] = forms.TypedChoiceField(
            required=False, coerce=int, empty_value=None, choices=[ANY, *named]
        )
        self.fields["text"].widget.attrs["placeholder"] = "Session, configuration, symbol"

    def query(self) -> dict[str, Any]:
        """Keyword arguments of ``list_sessions``, without the page."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        if "configuration" in given:
            given["configuration_id"] = given.pop("configuration")
        return given

    @property
    def is_filtered(self) -> bool:
        """Whether anything but the number of rows is asked for."""
        return bool(set(self.query()) - {"page_size"})


@never_cache
@require_safe
@login_required
def history(request: HttpRequest) -> HttpResponse:
    """The table of sessions; htmx gets the table alone."""
    form = HistoryFilter({"page_size": USUAL_SIZE, **request.GET.dict()})
    page = _page(form, request.GET.get("page", ""))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "form": form,
        "page": page,
        "rows": [_row(item) for item in page.items],
        "first": (page.page - 1) * page.page_size + 1,
        "last": (page.page - 1) * page.page_size + len(page.items),
        "query": query.urlencode(),
    }
    template = "trading/panels/history_table.html" if wants_fragment(request) else "trading/history.html"
    return render(request, template, context)


def _page(form: HistoryFilter, text: str) -> Page[SessionItem]:
    """The page asked for; the last one when there are fewer."""
    query = form.query()
    asked = min(max(int(text), 1), MOST_PAGES) if text.isdecimal() and len(text) < 10 else 1
    page = list_sessions(page=asked, **query)
    if page.items or page.page == 1 or not page.pages:
        return page if page.items or page.page == 1 else list_sessions(page=1, **query)
    return list_sessions(page=page.pages, **query)


def _row(item: SessionItem) -> dict[str, Any]:
    return {"item": item, "pnl": item.pnl_summary, "legs": [leg_name(leg.symbol) for leg in item.legs_summary]}


@never_cache
@require_safe
@login_required
def session(request: HttpRequest, pk: int) -> HttpResponse:
    """All of one session; 404 when there is none."""
    context = {**session_page(session_detail(pk)), "trace": trace_panel(pk, request.GET.get("at", ""))}
    return render(request, "trading/session_detail.html", context)


@never_cache
@require_safe
@login_required
def session_trace(request: HttpRequest, pk: int) -> HttpResponse:
    """The panel of why, at the minute asked for; 404 when there is no such session."""
    trace = trace_panel(pk, request.GET.get("at", ""))
    return render(request, "trading/panels/_session_trace.html", {"trace": trace})


history_urls: list[URLPattern] = [
    path("history/", history, name="history"),
    path("history/<int:pk>/", session, name="session-detail"),
    path("history/<int:pk>/trace/", session_trace, name="session-trace"),
]
