"""What the API says of a session's decisions: lines of the journal, stretches of the trace."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from rest_framework import serializers

from trading.api.serializers import DecisionRead, Given, PageQuery
from trading.models import DecisionTrace

MINUTE: Final = timedelta(minutes=1)


class DecisionsQuery(PageQuery):
    """A span of venue time (``from`` and ``to`` included) or the minute that begins at ``at``; else everything."""

    at = serializers.DateTimeField(required=False, help_text="The minute that begins here; not beside from or to.")

    def get_fields(self) -> dict[str, Any]:
        """``from`` is a word of Python, so it is no attribute."""
        times = {name: serializers.DateTimeField(required=False) for name in ("from", "to")}
        return {**super().get_fields(), **times}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Keyword arguments of ``decisions_between``."""
        start, end, at = attrs.pop("from", None), attrs.pop("to", None), attrs.pop("at", None)
        if at is not None and (start or end):
            raise serializers.ValidationError({"at": "Ask for one minute (at) or for a span (from, to), not both."})
        if at is not None:
            start, end = at, at + MINUTE
        if start is not None and end is not None and start > end:
            raise serializers.ValidationError({"from": "The span ends before it begins: from must not be after to."})
        return {**attrs, "start": start, "end": end}


class TraceRead(serializers.ModelSerializer[DecisionTrace]):
    """Looks at the exit rules with the same verdicts; ``results`` are those of the last look, each with its peak."""

    results = serializers.ListField(child=serializers.DictField())

    class Meta:
        model = DecisionTrace
        fields = ("first_at", "last_at", "looks", "phase", "nearest_rule", "nearest_progress", "results")


class JournalPageRead(Given):
    """A page of the journal, oldest first."""

    items = DecisionRead(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()


class TracePageRead(Given):
    """A page of the trace, oldest first."""

    items = TraceRead(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()


class DecisionsRead(Given):
    """What was decided in the span."""

    journal = JournalPageRead()
    traces = TracePageRead()
