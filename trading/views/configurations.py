"""The configuration pages: list, form in groups with the server's word at each field, and the actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.permissions import can_operate, login_required, operator_required
from deltastrangle.exceptions import Conflict, InvalidInput
from trading.forms import ConfigurationForm
from trading.models import TradingConfiguration
from trading.selectors import configurations as selectors
from trading.services import configurations as services
from trading.views.configuration_parts import error_slots, group_of, groups_of, rows_of, steps_of
from trading.views.live_confirmation import configuration_confirm_live, confirmation_of

LONGEST_NUMBER = 18
SAVED = "Saved as revision {revision}."
OUTDATED = "Session {session} goes on with revision {revision}; the change reaches the next session."


@dataclass(frozen=True, slots=True)
class _Page:
    """Where a form belongs: a stored configuration, or a new one."""

    configuration: TradingConfiguration | None

    @property
    def url(self) -> str:
        if self.configuration is None:
            return reverse("configuration-new")
        return reverse("configuration-edit", args=[self.configuration.pk])


def _is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """On to another page, as htmx or a browser understands it."""
    return HttpResponse(status=204, headers={"HX-Redirect": url}) if _is_htmx(request) else redirect(url)


@require_safe
@login_required
def configuration_list(request: HttpRequest) -> HttpResponse:
    """All configurations, the active one first; ``?q=`` searches, and htmx gets the table alone."""
    search = request.GET.get("q", "")
    context = {
        "rows": rows_of(selectors.list_configurations(search=search)),
        "search": search,
        "may_operate": can_operate(request.user),
    }
    part = _is_htmx(request) and request.headers.get("HX-Target") == "configuration-list"
    return render(request, f"trading/{'configuration/_list' if part else 'configurations'}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def configuration_new(request: HttpRequest) -> HttpResponse:
    """The form of a new configuration."""
    if request.method == "POST":
        return _submitted(request, _Page(None))
    return _form(request, _Page(None), ConfigurationForm())


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def configuration_edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The form of a stored configuration, with its revisions; viewers read it."""
    page = _Page(selectors.get_configuration(pk))
    if request.method == "POST":
        return operator_required(_submitted)(request, page)
    return _form(request, page, ConfigurationForm(configuration=page.configuration))


def _form(request: HttpRequest, page: _Page, form: ConfigurationForm, status: int = 200) -> HttpResponse:
    configuration = page.configuration
    context = {
        "configuration": configuration,
        "form": form,
        "groups": groups_of(form),
        "form_url": page.url,
        "revision": request.POST.get("revision") or (configuration.revision if configuration else ""),
        "may_operate": can_operate(request.user),
        "outdated": selectors.outdated_session_of(configuration) if configuration else None,
        "running": selectors.running_session_of(configuration.pk) if configuration else None,
        "confirmation": confirmation_of(configuration),
        "steps": steps_of(selectors.revision_steps(configuration.pk)) if configuration else [],
    }
    template = "configuration/_form" if _is_htmx(request) else "configuration_form"
    return render(request, f"trading/{template}.html", context, status=status)


def _submitted(request: HttpRequest, page: _Page) -> HttpResponse:
    """Save, or do what another button of the form asks (rows of the ladder, without JavaScript)."""
    intent = request.POST.get("intent", "save")
    if intent != "save":
        draft = ConfigurationForm.draft(request.POST, configuration=page.configuration, intent=intent)
        return _form(request, page, draft)
    form = ConfigurationForm(request.POST, configuration=page.configuration)
    if form.is_valid():
        try:
            return _go(request, _save(request, page, form))
        except (Conflict, InvalidInput) as refusal:
            for field, texts in (refusal.fields or {"": [refusal.detail]}).items():
                form.add_error(field if field in form.fields else None, texts[0])
    return _form(request, page, form, status=422)


def _save(request: HttpRequest, page: _Page, form: ConfigurationForm) -> str:
    """Where to go after the save."""
    if page.configuration is None:
        made = services.create_configuration(actor=_user(request), values=form.cleaned_data, request=request)
        messages.success(request, f"{made.name} created.")
        return reverse("configuration-edit", args=[made.pk])
    saved = services.update_configuration(
        actor=_user(request),
        configuration_id=page.configuration.pk,
        values=form.cleaned_data,
        expected_revision=_posted_number(request, "revision"),
        request=request,
    )
    messages.success(request, SAVED.format(revision=saved.revision.number))
    if session := saved.outdated_session:
        text = OUTDATED.format(session=session.strategy_id, revision=session.revision.number)
        messages.warning(request, text)
    return page.url


def _posted_configuration(request: HttpRequest) -> TradingConfiguration | None:
    """The stored configuration that the posted form edits, if it edits one."""
    pk = _posted_number(request, "configuration")
    return None if pk is None else selectors.get_configuration(pk)


def _posted_number(request: HttpRequest, name: str) -> int | None:
    raw = request.POST.get(name, "")
    return int(raw) if raw.isdecimal() and len(raw) <= LONGEST_NUMBER else None


@require_POST
@operator_required
def configuration_validate(request: HttpRequest) -> HttpResponse:
    """The messages of ``?field=`` and the fields it bears on, or section ``?group=`` as the choices now ask."""
    configuration = _posted_configuration(request)
    group = request.GET.get("group", "")
    if group:
        draft = ConfigurationForm.draft(request.POST, configuration=configuration)
        context = {"group": group_of(draft, group), "may_operate": True}
        return render(request, "trading/configuration/_group.html", context)
    form = ConfigurationForm(request.POST, configuration=configuration)
    context = {"slots": error_slots(form, request.GET.get("field", ""))}
    return render(request, "trading/configuration/_errors.html", context)


@require_POST
@operator_required
def configuration_trailing_row(request: HttpRequest) -> HttpResponse:
    """The ladder after its button (``intent``) added or removed a row."""
    intent = request.POST.get("intent", "")
    form = ConfigurationForm.draft(request.POST, configuration=_posted_configuration(request), intent=intent)
    context = {"group": group_of(form, "trailing"), "form": form, "may_operate": True}
    return render(request, "trading/configuration/_trailing.html", context)


def _act(request: HttpRequest, act: Callable[[], str], *, back: str = "configurations") -> HttpResponse:
    """Do it and say how it went; a refusal is a message on the page the visitor returns to."""
    try:
        messages.success(request, act())
    except Conflict as refusal:
        if _is_htmx(request):
            raise
        messages.error(request, refusal.detail)
    return _go(request, reverse(back))


@require_POST
@operator_required
def configuration_activate(request: HttpRequest, pk: int) -> HttpResponse:
    """Make it the active one."""

    def act() -> str:
        made = services.activate_configuration(actor=_user(request), configuration_id=pk, request=request)
        return f"{made.name} is the active configuration."

    return _act(request, act)


@require_POST
@operator_required
def configuration_deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave none active."""

    def act() -> str:
        made = services.deactivate_configuration(actor=_user(request), configuration_id=pk, request=request)
        return f"{made.name} is no longer active."

    return _act(request, act)


@require_POST
@operator_required
def configuration_clone(request: HttpRequest, pk: int) -> HttpResponse:
    """Copy it and open the copy."""
    clone = services.clone_configuration(actor=_user(request), configuration_id=pk, request=request)
    messages.success(request, f"{clone.name} created.")
    return _go(request, reverse("configuration-edit", args=[clone.pk]))


@require_http_methods(["GET", "HEAD", "POST"])
@operator_required
def configuration_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then delete."""
    configuration = selectors.get_configuration(pk)
    if request.method != "POST":
        context = {"configuration": configuration, "session": selectors.running_session_of(pk)}
        return render(request, "trading/configuration_delete.html", context)

    def act() -> str:
        services.delete_configuration(actor=_user(request), configuration_id=pk, request=request)
        return f"{configuration.name} deleted."

    return _act(request, act)


configuration_urls: list[URLPattern] = [
    path("configuration/", configuration_list, name="configurations"),
    path("configuration/new/", configuration_new, name="configuration-new"),
    path("configuration/validate/", configuration_validate, name="configuration-validate"),
    path("configuration/trailing-row/", configuration_trailing_row, name="configuration-trailing-row"),
    path("configuration/<int:pk>/", configuration_edit, name="configuration-edit"),
    path("configuration/<int:pk>/activate/", configuration_activate, name="configuration-activate"),
    path("configuration/<int:pk>/deactivate/", configuration_deactivate, name="configuration-deactivate"),
    path("configuration/<int:pk>/clone/", configuration_clone, name="configuration-clone"),
    path("configuration/<int:pk>/confirm-live/", configuration_confirm_live, name="configuration-confirm-live"),
    path("configuration/<int:pk>/delete/", configuration_delete, name="configuration-delete"),
]
