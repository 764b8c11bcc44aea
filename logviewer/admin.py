"""The logs in the admin site, to be read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.read_only_admin import ReadOnlyAdmin
from logviewer.models import BackendLog, FrontendLog, LogFile
from logviewer.search import matching


@admin.register(BackendLog)
class BackendLogAdmin(ReadOnlyAdmin):
    """Searched through the same index as the page."""

    list_display = ("logged_at", "level", "logger_name", "event", "message", "strategy_id", "correlation_id")
    list_filter = ("level",)
    search_fields = ("message",)
    search_help_text = "A part of the message, in any case"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The lines that contain ``search_term``; the newest 1,000."""
        found = BackendLog.objects.filter(pk__in=matching(queryset, search_term).values("pk")[:1000])
        return (found, False) if search_term.strip() else (queryset, False)


@admin.register(FrontendLog)
class FrontendLogAdmin(ReadOnlyAdmin):
    """Reports of browsers."""

    list_display = ("created_at", "level", "event", "message", "session_id", "user_id")
    list_filter = ("level",)
    search_fields = ("message", "event", "session_id", "user_id", "correlation_id")


@admin.register(LogFile)
class LogFileAdmin(ReadOnlyAdmin):
    """How far each file was read."""

    list_display = ("path", "inode", "offset", "updated_at")
    search_fields = ("path",)
