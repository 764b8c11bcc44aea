"""Every address of the API says who may use it, and none redirects a client that forgot a slash."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import BasePermission
from rest_framework.views import APIView


def api_views(resolver: URLResolver | None = None) -> Iterator[type[APIView]]:
    """The class of every DRF view that is ours."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from api_views(pattern)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
            if isinstance(view, type) and issubclass(view, APIView) and not view.__module__.startswith("drf_"):
                yield view


def names_its_permissions(view: type[APIView]) -> bool:
    """Whether `view`, or a base of it that is ours, says who may use it."""
    ours = [base for base in view.__mro__ if not base.__module__.startswith(("rest_framework", "builtins"))]
    return any("permission_classes" in vars(base) or "get_permissions" in vars(base) for base in ours)


def test_every_api_view_names_its_permissions() -> None:
    views = set(api_views())
    assert len(views) > 5
    assert sorted(view.__qualname__ for view in views if not names_its_permissions(view)) == []


def test_it_sees_a_view_that_leaves_its_permissions_to_chance() -> None:
    class Silent(APIView):
        pass

    class Spoken(APIView):
        permission_classes = (BasePermission,)

    class Inherits(Spoken):
        pass

    assert [names_its_permissions(view) for view in (Silent, Spoken, Inherits)] == [False, True, True]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["/api/auth/me", "/api/trading/runtime", "/api/trading/heartbeat", "/api/trading/sessions", "/api/configurations"],
)
def test_an_address_works_with_and_without_its_slash(client: Client, path: str) -> None:
    for asked in (path, f"{path}/"):
        response = client.get(asked)
        assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


@pytest.mark.django_db
def test_the_api_describes_itself_to_anyone(client: Client) -> None:
    response = client.get("/api/schema/", {"format": "json"})
    assert response.status_code == 200
    assert "/api/trading/control" in {path.rstrip("/") for path in response.json()["paths"]}
