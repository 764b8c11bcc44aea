"""Configuration revisions over the API: a page of them, one, and what one changed."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, re_path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from trading.api.configurations import ID, PREFIXES, RevisionRead
from trading.api.control import TradingView, validated
from trading.api.serializers import BIGGEST_ID, Given
from trading.selectors.configurations import changes_between, revision_before, revision_of

NUMBER = r"(?P<number>[0-9]{1,9})"


@extend_schema_field(OpenApiTypes.ANY)
class AnyValue(serializers.JSONField):
    """A value of any type: text for a decimal, as revisions keep it."""


class DiffQuery(Given):
    """What to compare with; the revision before, unless given."""

    against = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False)


class ChangeRead(Given):
    """One field that differs."""

    field = serializers.CharField()
    before = AnyValue(allow_null=True)
    after = AnyValue(allow_null=True)


class DiffRead(Given):
    """What a revision changed; ``against`` is null, and nothing changed, for the first one."""

    number = serializers.IntegerField()
    against = serializers.IntegerField(allow_null=True)
    changes = ChangeRead(many=True)


class RevisionView(TradingView):
    """One revision."""

    @extend_schema(operation_id="configurations_revision", responses=RevisionRead)
    def get(self, request: Request, pk: str, number: str) -> Response:
        """200; 404 `Revision not found`."""
        return Response(RevisionRead(revision_of(int(pk), int(number))).data)


class RevisionDiffView(TradingView):
    """What a revision changed."""

    @extend_schema(operation_id="configurations_revision_diff", parameters=[DiffQuery], responses=DiffRead)
    def get(self, request: Request, pk: str, number: str) -> Response:
        """200 with the fields that differ; 404 when either revision is missing."""
        asked: dict[str, Any] = validated(DiffQuery(data=request.query_params))
        after = revision_of(int(pk), int(number))
        against = asked.get("against")
        before = revision_of(int(pk), against) if against else revision_before(after)
        changes = changes_between(before.values, after.values) if before else ()
        return Response(
            {
                "number": after.number,
                "against": before.number if before else None,
                "changes": [{"field": name, "before": old, "after": new} for name, old, new in changes],
            }
        )


def _routes(prefix: str) -> list[URLPattern]:
    main = prefix == PREFIXES[0]
    views = (("", RevisionView, "api-revision"), ("/diff", RevisionDiffView, "api-revision-diff"))
    return [
        re_path(
            rf"^{prefix}/{ID}/revisions/{NUMBER}{rest}/?$",
            view.as_view() if main else view.as_view(schema=None),
            name=name if main else None,
        )
        for rest, view, name in views
    ]


revision_api_urls: list[URLPattern] = [route for prefix in PREFIXES for route in _routes(prefix)]
