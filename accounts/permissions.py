"""Who may do what: one rule per question, and the same rules as view decorators."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from urllib.parse import urlsplit

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url

from accounts import roles
from accounts.models import User

Somebody = AbstractBaseUser | AnonymousUser
P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def role_of(user: Somebody) -> str:
    """The strongest role: `admin` (also for a superuser), `operator`, `viewer`, or "" for nobody in particular."""
    if not isinstance(user, User):
        return ""
    if user.is_superuser:
        return roles.ADMIN
    held = set(user.groups.values_list("name", flat=True))
    return next((role for role in reversed(roles.ROLES) if role in held), "")


def _has(user: Somebody, codename: str) -> bool:
    return isinstance(user, User | AnonymousUser) and user.has_perm(f"accounts.{codename}")


def can_view(user: Somebody) -> bool:
    """May see the platform. False for a disabled user, as are the two below."""
    return _has(user, roles.VIEW)


def can_operate(user: Somebody) -> bool:
    """May control sessions and edit configurations."""
    return _has(user, roles.OPERATE)


def can_manage_users(user: Somebody) -> bool:
    """May make users, set roles and read the audit trail."""
    return _has(user, roles.MANAGE)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """The way to the login page; htmx is told to leave the page instead of swapping a login form into a panel."""
    if request.headers.get("HX-Request") != "true":
        return redirect_to_login(request.get_full_path(), resolve_url("accounts:login"))
    shown = urlsplit(request.headers.get("HX-Current-URL", ""))
    here = f"{shown.path}?{shown.query}" if shown.query else shown.path or "/"
    response = HttpResponse(status=401)
    response["HX-Redirect"] = redirect_to_login(here, resolve_url("accounts:login"))["Location"]
    return response


def _requires(rule: Callable[[Somebody], bool], refusal: str) -> Callable[[View[P]], View[P]]:
    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            if not rule(request.user):
                raise PermissionDenied(refusal)
            return view(request, *args, **kwargs)

        return cast(View[P], guarded)

    return decorate


VIEW_REFUSED = "Your account has no role yet. Ask an administrator for one."
OPERATE_REFUSED = "This needs the operator role."
MANAGE_REFUSED = "This needs the admin role."


def login_required(view: View[P]) -> View[P]:
    """A view for those who may see the platform; anonymous visitors go to the login page and come back."""
    return _requires(can_view, VIEW_REFUSED)(view)


def operator_required(view: View[P]) -> View[P]:
    """A view for operators and admins; others get 403, anonymous visitors the login page."""
    return _requires(can_operate, OPERATE_REFUSED)(view)


def manager_required(view: View[P]) -> View[P]:
    """A view for admins; others get 403, anonymous visitors the login page."""
    return _requires(can_manage_users, MANAGE_REFUSED)(view)
