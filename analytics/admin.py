"""The snapshots in the admin site, to be read."""

from __future__ import annotations

from django.contrib import admin

from accounts.read_only_admin import ReadOnlyAdmin
from analytics.models import SessionSnapshot


@admin.register(SessionSnapshot)
class SessionSnapshotAdmin(ReadOnlyAdmin):
    """A searchable list; rows come from the ledgers, nobody writes them here."""

    list_display = ("strategy_id", "mode", "trading_day", "exit_reason", "net", "fees", "credit", "slippage", "remark")
    list_filter = ("mode", "exit_reason", "traded", "trading_day")
    search_fields = ("strategy_id", "configuration_name", "exit_reason", "remark")
    date_hierarchy = "trading_day"
