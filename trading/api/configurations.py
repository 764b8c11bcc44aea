"""Configurations over the API, under ``/api/configurations`` and the reference's ``/api/configs``.

Numbers are JSON numbers, times carry an offset, the expiry is DD-MM-YYYY. PUT and PATCH both keep what they do not
name, the active flag included. Deleting the active one is 409 (400 in the reference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from django.urls import URLPattern, re_path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.permissions import IsViewer
from accounts.models import User
from deltastrangle.exceptions import InvalidInput
from trading.api.serializers import PageQuery
from trading.configuration_fields import FIELDS
from trading.configuration_rules import EXPIRY_FORMAT
from trading.configuration_spec import Field, Kind
from trading.models import ConfigurationRevision, StrategySession
from trading.selectors import configurations as selectors
from trading.selectors.session_views import Page
from trading.services import configurations as services

ID = r"(?P<pk>[0-9]{1,18})"
PREFIXES = ("configurations", "configs")
MOST = 200


def api_field(spec: Field, *, reading: bool) -> serializers.Field[Any, Any, Any, Any]:
    """A configuration's field in the schema, with its label, unit, help and range."""
    facts = f"Allowed: {spec.range_text}." if spec.range_text else ""
    unit = f"Unit: {spec.unit}." if spec.unit else ""
    more: dict[str, Any] = {"help_text": " ".join(filter(None, (spec.label + ".", spec.help, unit, facts)))}
    more["allow_null"] = spec.optional or not (reading or spec.required)
    if not reading:
        more["required"] = spec.required
    match spec.kind:
        case Kind.BOOL:
            return serializers.BooleanField(**more)
        case Kind.INTEGER:
            return serializers.IntegerField(**more)
        case Kind.DECIMAL:
            return serializers.DecimalField(max_digits=None, decimal_places=None, coerce_to_string=False, **more)
        case Kind.CHOICE:
            return serializers.ChoiceField(choices=spec.choices, **more)
        case Kind.DATE:
            return serializers.DateField(format=EXPIRY_FORMAT, input_formats=[EXPIRY_FORMAT], **more)
        case Kind.WEEKDAYS:
            return serializers.ListField(child=serializers.IntegerField(), **more)
        case Kind.TRAILING:
            return serializers.DictField(child=serializers.FloatField(), **more)
        case _:
            return serializers.CharField(**more)


class ConfigurationRead(serializers.Serializer[Any]):
    """A configuration as the API gives it."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Every field of the table between the identity and the state."""
        return {
            "id": serializers.IntegerField(),
            **{spec.name: api_field(spec, reading=True) for spec in FIELDS},
            "is_active": serializers.BooleanField(),
            "revision": serializers.IntegerField(help_text="Number of the newest revision."),
            "confirmed_for_live": serializers.BooleanField(help_text="Whether that revision may trade real money."),
            "created_at": serializers.DateTimeField(),
            "updated_at": serializers.DateTimeField(),
        }


class ConfigurationWrite(serializers.Serializer[Any]):
    """A configuration as the API takes it (described here; judged by ``trading.configuration_rules``)."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Every field of the table, and the active flag."""
        flag = serializers.BooleanField(required=False, allow_null=True, help_text="Left alone when absent.")
        return {**{spec.name: api_field(spec, reading=False) for spec in FIELDS}, "is_active": flag}


class ConfirmLiveWrite(serializers.Serializer[Any]):
    """The typed confirmation that a live configuration needs for each revision."""

    name = serializers.CharField(max_length=50, help_text="The configuration's name, exactly.")
    revision = serializers.IntegerField(
        required=False, min_value=1, help_text="The revision that was read; refused when a newer one exists."
    )


class OutdatedSessionRead(serializers.Serializer[Any]):
    """The open session that goes on with an older revision."""

    session_id = serializers.IntegerField()
    strategy_id = serializers.CharField()
    revision = serializers.IntegerField()


class ConfigurationSaved(ConfigurationRead):
    """A configuration after a change."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """With the session that the change does not reach."""
        return {**super().get_fields(), "outdated_session": OutdatedSessionRead(allow_null=True)}


class ConfigurationQuery(serializers.Serializer[Any]):
    """Page and search of the list; without ``page_size`` all are given."""

    page = serializers.IntegerField(min_value=1, max_value=1_000_000, default=1)
    page_size = serializers.IntegerField(min_value=1, max_value=MOST, required=False)
    search = serializers.CharField(max_length=100, default="", allow_blank=True)


class ConfigurationList(serializers.Serializer[Any]):
    """A page of configurations, the active one first."""

    items = ConfigurationRead(many=True)
    total = serializers.IntegerField()


class RevisionRead(serializers.ModelSerializer[ConfigurationRevision]):
    """A revision; decimals in its values are text, exactly as they were saved."""

    class Meta:
        model = ConfigurationRevision
        fields = ("id", "number", "configuration_name", "values", "author_email", "created_at")


class RevisionList(serializers.Serializer[Any]):
    """A page of a configuration's revisions, newest first."""

    items = RevisionRead(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    page_size = serializers.IntegerField()
    pages = serializers.IntegerField()


def _outdated(session: StrategySession | None) -> dict[str, object] | None:
    if session is None:
        return None
    return {"session_id": session.pk, "strategy_id": session.strategy_id, "revision": session.revision.number}


class ConfigurationAPI(APIView):
    """What all operations share. Viewers get as far as the service, which refuses their writes and audits them."""

    permission_classes = [IsViewer]
    parser_classes = [JSONParser]

    def who(self, request: Request) -> dict[str, Any]:
        """The caller, as every service wants to know them."""
        return {"actor": cast(User, request.user), "source": "api", "request": request._request}

    def values(self, request: Request) -> Mapping[str, object]:
        """The body, which is an object; ``InvalidInput`` otherwise."""
        if not isinstance(request.data, Mapping):
            raise InvalidInput("Send a JSON object.")
        return request.data


class ConfigurationsView(ConfigurationAPI):
    """List and create."""

    @extend_schema(operation_id="configurations_list", parameters=[ConfigurationQuery], responses=ConfigurationList)
    def get(self, request: Request) -> Response:
        """All configurations, or a page of them."""
        query = ConfigurationQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        found = selectors.list_configurations(search=query.validated_data["search"])
        size = query.validated_data.get("page_size")
        start = (query.validated_data["page"] - 1) * (size or 0)
        page = found[start : start + size] if size else found
        return Response({"items": ConfigurationRead(page, many=True).data, "total": found.count()})

    @extend_schema(request=ConfigurationWrite, responses={201: ConfigurationRead})
    def post(self, request: Request) -> Response:
        """Create one."""
        made = services.create_configuration(values=self.values(request), **self.who(request))
        return Response(ConfigurationRead(made).data, status=201)


class ConfigurationView(ConfigurationAPI):
    """Read, change and delete one."""

    @extend_schema(responses=ConfigurationRead)
    def get(self, request: Request, pk: str) -> Response:
        """One configuration."""
        return Response(ConfigurationRead(selectors.get_configuration(int(pk))).data)

    @extend_schema(request=ConfigurationWrite(partial=True), responses=ConfigurationSaved)
    def put(self, request: Request, pk: str) -> Response:
        """Change the fields given and make the next revision."""
        saved = services.update_configuration(
            configuration_id=int(pk), values=self.values(request), **self.who(request)
        )
        body = ConfigurationRead(saved.configuration).data
        return Response({**body, "outdated_session": _outdated(saved.outdated_session)})

    @extend_schema(request=ConfigurationWrite(partial=True), responses=ConfigurationSaved)
    def patch(self, request: Request, pk: str) -> Response:
        """Change the fields given and make the next revision."""
        return self.put(request, pk)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: str) -> Response:
        """Delete one that is neither active nor in use."""
        services.delete_configuration(configuration_id=int(pk), **self.who(request))
        return Response(status=204)


class ActivateView(ConfigurationAPI):
    """Make one the active one."""

    @extend_schema(request=None, responses=ConfigurationRead)
    def post(self, request: Request, pk: str) -> Response:
        """Activate."""
        made = services.activate_configuration(configuration_id=int(pk), **self.who(request))
        return Response(ConfigurationRead(made).data)


class DeactivateView(ConfigurationAPI):
    """Leave none active."""

    @extend_schema(request=None, responses=ConfigurationRead)
    def post(self, request: Request, pk: str) -> Response:
        """Deactivate."""
        made = services.deactivate_configuration(configuration_id=int(pk), **self.who(request))
        return Response(ConfigurationRead(made).data)


class ConfirmLiveView(ConfigurationAPI):
    """Let the newest revision trade real money."""

    @extend_schema(request=ConfirmLiveWrite, responses=ConfigurationRead)
    def post(self, request: Request, pk: str) -> Response:
        """Confirm, by typing the configuration's name."""
        asked = ConfirmLiveWrite(data=self.values(request))
        asked.is_valid(raise_exception=True)
        made = services.confirm_live(
            configuration_id=int(pk),
            typed_name=asked.validated_data["name"],
            expected_revision=asked.validated_data.get("revision"),
            **self.who(request),
        )
        return Response(ConfigurationRead(made).data)


class CloneView(ConfigurationAPI):
    """Copy one."""

    @extend_schema(request=None, responses={201: ConfigurationRead})
    def post(self, request: Request, pk: str) -> Response:
        """Clone."""
        made = services.clone_configuration(configuration_id=int(pk), **self.who(request))
        return Response(ConfigurationRead(made).data, status=201)


class RevisionsView(ConfigurationAPI):
    """The history of one."""

    @extend_schema(parameters=[PageQuery], responses=RevisionList)
    def get(self, request: Request, pk: str) -> Response:
        """A page of revisions, newest first; 404 `Configuration not found`, 422 for a page out of its range."""
        asked = PageQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        number, size = asked.validated_data["page"], asked.validated_data["page_size"]
        found = selectors.revisions_of(selectors.get_configuration(int(pk)).pk)
        page = Page(list(found[(number - 1) * size : number * size]), found.count(), number, size)
        told = {name: getattr(page, name) for name in ("total", "page", "page_size", "pages")}
        return Response({"items": RevisionRead(page.items, many=True).data, **told})


_ROUTES: tuple[tuple[str, type[ConfigurationAPI], str], ...] = (
    ("", ConfigurationsView, "api-configurations"),
    (f"/{ID}", ConfigurationView, "api-configuration"),
    (f"/{ID}/activate", ActivateView, "api-configuration-activate"),
    (f"/{ID}/deactivate", DeactivateView, "api-configuration-deactivate"),
    (f"/{ID}/confirm-live", ConfirmLiveView, "api-configuration-confirm-live"),
    (f"/{ID}/clone", CloneView, "api-configuration-clone"),
    (f"/{ID}/revisions", RevisionsView, "api-configuration-revisions"),
)


def _routes(prefix: str) -> list[URLPattern]:
    """The routes under a prefix, with and without a trailing slash; names and a place in the schema are the first's."""
    main = prefix == PREFIXES[0]
    return [
        re_path(
            rf"^{prefix}{rest}/?$",
            view.as_view() if main else view.as_view(schema=None),
            name=name if main else None,
        )
        for rest, view, name in _ROUTES
    ]


configuration_api_urls: list[URLPattern] = [route for prefix in PREFIXES for route in _routes(prefix)]
