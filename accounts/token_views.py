"""The page of one's personal API tokens. Plain forms; htmx only spares the reload."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required as signed_in
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import scopes, selectors, services
from accounts.models import User
from accounts.permissions import can_operate
from accounts.services.api_tokens import MOST_DAYS
from deltastrangle.exceptions import ApplicationError


class TokenForm(forms.Form):
    """What a new token is for, what it may do and how long it lives."""

    name = forms.CharField(label="Name", max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    scopes = forms.MultipleChoiceField(
        label="Allowed to", choices=scopes.CHOICES, widget=forms.CheckboxSelectMultiple, initial=[scopes.READ]
    )
    days = forms.IntegerField(label="Valid for, days", min_value=1, max_value=MOST_DAYS, initial=90)


@never_cache
@signed_in
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The tokens, and the form for another one; the answer to the form shows the secret, this once."""
    form, secret, status = TokenForm(), "", 200
    if request.method == "POST":
        form = TokenForm(request.POST)
        secret = _make(request, form) if form.is_valid() else ""
        status = 200 if secret else 422
    return _page(request, TokenForm() if secret else form, secret, status)


@signed_in
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End one, and show the others."""
    services.revoke_api_token(actor=_user(request), token_id=pk, request=request)
    if request.headers.get("HX-Request") == "true":
        return _page(request, TokenForm(), "", 200)
    messages.success(request, "The token is revoked.")
    return redirect("accounts:tokens")


def _make(request: HttpRequest, form: TokenForm) -> str:
    given = form.cleaned_data
    try:
        _, secret = services.create_api_token(
            actor=_user(request), name=given["name"], asked=given["scopes"], days=given["days"], request=request
        )
    except ApplicationError as refusal:
        form.add_error(None, refusal.detail)
        return ""
    return secret


def _page(request: HttpRequest, form: TokenForm, secret: str, status: int) -> HttpResponse:
    user = _user(request)
    context: dict[str, Any] = {
        "form": form,
        "secret": secret,
        "tokens": list(selectors.api_tokens_of(user)),
        "may_make": can_operate(user),
    }
    by_htmx = request.headers.get("HX-Request") == "true"
    return render(request, "accounts/panels/tokens.html" if by_htmx else "accounts/tokens.html", context, status=status)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
