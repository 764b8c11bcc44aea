"""The snapshots in the admin site, to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.permissions import can_view
from analytics.models import SessionSnapshot

if TYPE_CHECKING:
    SnapshotAdmin = admin.ModelAdmin[SessionSnapshot]
else:
    SnapshotAdmin = admin.ModelAdmin


@admin.register(SessionSnapshot)
class SessionSnapshotAdmin(SnapshotAdmin):
    """A searchable list; rows come from the ledgers, nobody writes them here."""

    list_display = ("strategy_id", "mode", "trading_day", "exit_reason", "net", "fees", "credit", "slippage", "remark")
    list_filter = ("mode", "exit_reason", "traded", "trading_day")
    search_fields = ("strategy_id", "configuration_name", "exit_reason", "remark")
    date_hierarchy = "trading_day"
    show_full_result_count = False
    list_per_page = 50

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the app is listed."""
        return can_view(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether rows are shown."""
        return can_view(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False
