from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import permissions
from accounts.api.permissions import IsOperator, IsViewer, ViewOrOperate
from accounts.models import User
from accounts.tests.conftest import MakeUser

pytestmark = pytest.mark.django_db


@permissions.login_required
def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("seen")


@permissions.operator_required
def control(request: HttpRequest, action: str) -> HttpResponse:
    return HttpResponse(action)


@permissions.manager_required
def people(request: HttpRequest) -> HttpResponse:
    return HttpResponse("people")


@pytest.mark.parametrize(
    ("role", "rights"),
    [("viewer", (True, False, False)), ("operator", (True, True, False)), ("admin", (True, True, True))],
)
def test_each_role_may_do_what_it_may_do(make_user: MakeUser, role: str, rights: tuple[bool, ...]) -> None:
    user = make_user(role)
    assert permissions.role_of(user) == role
    assert (permissions.can_view(user), permissions.can_operate(user), permissions.can_manage_users(user)) == rights


def test_a_superuser_may_do_everything_without_a_group() -> None:
    user = User.objects.create_superuser("root@example.com")
    assert permissions.role_of(user) == "admin"
    assert permissions.can_manage_users(user)


def test_nobody_in_particular_may_do_nothing() -> None:
    for user in (AnonymousUser(), User.objects.create(email="new@example.com")):
        assert permissions.role_of(user) == ""
        assert not permissions.can_view(user)


def test_a_disabled_admin_may_do_nothing(make_user: MakeUser) -> None:
    user = make_user("admin")
    user.is_active = False
    assert not any(may(user) for may in (permissions.can_view, permissions.can_operate, permissions.can_manage_users))


def test_a_visitor_is_sent_to_the_login_page_and_will_come_back(rf: RequestFactory) -> None:
    request = rf.get("/history/?page=2")
    request.user = AnonymousUser()
    response = page(request)
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/history/%3Fpage%3D2")


def test_htmx_is_told_to_leave_for_the_login_page_instead_of_swapping_it_in(rf: RequestFactory) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/history/?page=2"}
    request = rf.post("/control/", headers=headers)
    request.user = AnonymousUser()
    response = control(request, "start")
    assert (response.status_code, response["HX-Redirect"]) == (401, "/login/?next=/history/%3Fpage%3D2")


def test_a_viewer_sees_pages_and_controls_nothing(make_user: MakeUser, rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = make_user("viewer")
    assert page(request).status_code == 200
    with pytest.raises(PermissionDenied, match="operator role"):
        control(request, "start")


def test_an_operator_controls_and_manages_nobody(make_user: MakeUser, rf: RequestFactory) -> None:
    request = rf.post("/")
    request.user = make_user("operator")
    assert control(request, "start").status_code == 200
    with pytest.raises(PermissionDenied, match="admin role"):
        people(request)


def test_somebody_without_a_role_sees_nothing(rf: RequestFactory) -> None:
    request = rf.get("/")
    request.user = User.objects.create(email="new@example.com")
    with pytest.raises(PermissionDenied, match="no role"):
        page(request)


@pytest.mark.parametrize(
    ("role", "method", "allowed"),
    [
        ("viewer", "get", True),
        ("viewer", "post", False),
        ("viewer", "delete", False),
        ("operator", "get", True),
        ("operator", "put", True),
    ],
)
def test_in_the_api_reading_needs_a_viewer_and_writing_an_operator(
    make_user: MakeUser, rf: RequestFactory, role: str, method: str, allowed: bool
) -> None:
    request = Request(getattr(rf, method)("/"))
    request.user = make_user(role)
    assert ViewOrOperate().has_permission(request, APIView()) is allowed


def test_in_the_api_the_two_plain_permissions_ask_for_their_right(make_user: MakeUser, rf: RequestFactory) -> None:
    request = Request(rf.get("/"))
    request.user = make_user("viewer")
    assert IsViewer().has_permission(request, APIView())
    assert not IsOperator().has_permission(request, APIView())
