"""The audit trail: who did what, when, from where, and how it ended."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import AuditEvent
from accounts.permissions import manager_required
from accounts.selectors import audit_actions, audit_events
from deltastrangle.htmx import wants_fragment

IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")
ROWS: Final = 50
ANY: Final = ("", "Any")


def _day(label: str) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class AuditFilter(forms.Form):
    """The query of the page. A field that cannot be read says so and filters nothing."""

    text = forms.CharField(label="Search", required=False, max_length=80)
    action = forms.ChoiceField(required=False)
    outcome = forms.ChoiceField(required=False, choices=[ANY, *AuditEvent.Outcome.choices])
    source = forms.ChoiceField(required=False, choices=[ANY, *AuditEvent.Source.choices])
    start = _day("From, IST")
    end = _day("To, IST")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(action, action) for action in audit_actions()]
        self.fields["action"] = forms.ChoiceField(required=False, choices=[ANY, *named])
        self.fields["text"].widget.attrs["placeholder"] = "Who, what, correlation id"

    def query(self) -> dict[str, Any]:
        """Keyword arguments of ``audit_events``."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        start, end = given.pop("start", None), given.pop("end", None)
        if start:
            given["since"] = _midnight(start)
        if end and end < date.max:
            given["until"] = _midnight(end + timedelta(days=1))
        return given


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, IST)


@never_cache
@require_safe
@manager_required
def audit(request: HttpRequest) -> HttpResponse:
    """The events, the newest first; htmx gets the table alone."""
    form = AuditFilter(request.GET)
    asked = form.query()
    page = Paginator(audit_events(**asked), ROWS).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {"form": form, "page": page, "is_filtered": bool(asked), "query": query.urlencode()}
    return render(
        request, "accounts/panels/audit_table.html" if wants_fragment(request) else "accounts/audit.html", context
    )
