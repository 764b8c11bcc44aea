"""The Django admin, opened by role instead of by a permission per table."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.views.decorators.cache import never_cache

from accounts.permissions import can_operate, can_view


class RoleAdminMixin:
    """For a `ModelAdmin`: viewers see it, operators edit it (if they may enter the admin site at all)."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app is listed."""
        return can_view(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether rows are shown."""
        return can_view(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether rows can be made."""
        return can_operate(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether rows can be edited."""
        return can_operate(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether rows can be deleted."""
        return can_operate(request.user)


@never_cache
def admin_login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The admin's login is the platform's: one form, one lockout, one audit trail."""
    wanted = request.GET.get("next") or resolve_url("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(wanted, resolve_url("accounts:login"))
    if not admin.site.has_permission(request):
        raise PermissionDenied("The admin site is for admins.")
    return redirect("admin:index")


def admin_password_change(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """The admin's password page is the platform's, which audits the change and ends the API tokens."""
    return redirect("accounts:password-change")


def adopt_sign_in() -> None:
    """Let the admin site use the platform's pages for signing in and for changing a password."""
    site: Any = admin.site
    site.login = admin_login
    site.password_change = admin_password_change
