"""Rows in the admin site that are there to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from accounts.permissions import can_view

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin


class ReadOnly:
    """Rows to look at: whoever may view the platform sees them, nobody writes them here."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app is listed."""
        return can_view(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whether rows are shown."""
        return can_view(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


class ReadOnlyAdmin(ReadOnly, AnyModelAdmin):
    """A searchable, filtered list of what the engine, a service or a file wrote."""

    show_full_result_count = False
    list_per_page = 50
    actions = None
