"""``manage.py prune_logs``: apply the retention settings now (the tail does so every hour)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from logviewer.retention import prune


class Command(BaseCommand):
    """Rows by age and number, rotated files by age."""

    help = "Delete log rows and rotated log files beyond their retention."

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune, and say how much."""
        gone = prune()
        self.stdout.write(f"{gone.backend} lines, {gone.frontend} reports and {gone.files} files deleted")
