"""One shape for every error of the API, a toast for htmx, a page for everyone else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from rest_framework import exceptions as drf
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from deltastrangle import errors
from deltastrangle.exceptions import (
    ApplicationError,
    Conflict,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    PermissionRefused,
    ServiceUnavailable,
)
from deltastrangle.middleware import ApplicationErrorMiddleware


class Leg(serializers.Serializer[Any]):
    """One leg of an input."""

    size = serializers.IntegerField(min_value=1)


class Order(serializers.Serializer[Any]):
    """An input with a list in it."""

    name = serializers.CharField()
    legs = Leg(many=True)


class Raising(APIView):
    """A view that fails as told."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (JSONParser,)
    failure: Exception | None = None

    def post(self, request: Request) -> Response:
        """Raise, or validate the body."""
        if self.failure:
            raise self.failure
        Order(data=request.data).is_valid(raise_exception=True)
        return Response(status=204)


def post(failure: Exception | None = None, body: str = "{}") -> Response:
    """The response of a view that fails with `failure`, or validates `body`."""
    request = APIRequestFactory().post("/api/orders", body, content_type="application/json")
    response = Raising.as_view(failure=failure)(request)
    assert isinstance(response, Response)
    return response


@pytest.mark.parametrize(
    ("failure", "status", "body"),
    [
        (ApplicationError("No."), 400, {"detail": "No.", "code": "invalid"}),
        (NotAuthenticated("Who?"), 401, {"detail": "Who?", "code": "not_authenticated"}),
        (PermissionRefused("Not you."), 403, {"detail": "Not you.", "code": "permission_denied"}),
        (NotFound("Gone."), 404, {"detail": "Gone.", "code": "not_found"}),
        (Conflict("Running.", session="s1"), 409, {"detail": "Running.", "code": "conflict", "session": "s1"}),
        (
            InvalidInput("Too big.", fields={"size": ["At most 5."]}),
            422,
            {"detail": "Too big.", "code": "invalid_input", "fields": {"size": ["At most 5."]}},
        ),
        (ServiceUnavailable("No engine."), 503, {"detail": "No engine.", "code": "unavailable"}),
        (Http404(), 404, {"detail": "Not found", "code": "not_found"}),
        (PermissionDenied(), 403, {"detail": "You may not do this.", "code": "permission_denied"}),
        (drf.NotAuthenticated(), 401, {"detail": "Not authenticated", "code": "not_authenticated"}),
        (drf.MethodNotAllowed("PUT"), 405, {"detail": 'Method "PUT" not allowed.', "code": "method_not_allowed"}),
        (IntegrityError("UNIQUE"), 409, {"detail": "That contradicts what is already stored.", "code": "conflict"}),
        (
            ValidationError({"name": ["Taken."]}),
            422,
            {"detail": "name: Taken.", "code": "invalid_input", "fields": {"name": ["Taken."]}},
        ),
        (
            ValidationError("Inverted."),
            422,
            {"detail": "Inverted.", "code": "invalid_input", "fields": {"non_field_errors": ["Inverted."]}},
        ),
    ],
)
def test_it_maps_each_error_to_one_shape(failure: Exception, status: int, body: dict[str, object]) -> None:
    response = post(failure)
    assert (response.status_code, response.data) == (status, body)


def test_a_throttled_caller_learns_when_to_come_back() -> None:
    response = post(drf.Throttled(wait=30))
    assert (response.status_code, response.data["code"], response.headers["Retry-After"]) == (429, "throttled", "30")


def test_a_malformed_body_is_400() -> None:
    response = post(body='{"name": ')
    assert (response.status_code, response.data["code"]) == (400, "parse_error")


def test_a_body_that_breaks_rules_is_422_with_every_field() -> None:
    response = post(body=json.dumps({"legs": [{"size": 1}, {"size": 0}]}))
    assert response.status_code == 422
    assert response.data["fields"] == {
        "name": ["This field is required."],
        "legs.1.size": ["Ensure this value is greater than or equal to 1."],
    }


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(ZeroDivisionError):
        post(ZeroDivisionError())


@pytest.mark.parametrize("detail", [[], {}])
def test_an_empty_validation_error_still_has_a_sentence(detail: Any) -> None:
    response = post(drf.ValidationError(detail))
    assert (response.status_code, response.data["detail"]) == (422, "Invalid input.")


def answer(error: Exception, path: str, **headers: str) -> HttpResponse | None:
    """What the middleware makes of `error`."""

    def never(request: HttpRequest) -> HttpResponse:
        raise AssertionError(request)

    return ApplicationErrorMiddleware(never).process_exception(RequestFactory().get(path, headers=headers), error)


def test_htmx_gets_a_toast_that_leaves_the_page_alone() -> None:
    response = answer(Conflict("A session is running."), "/", **{"HX-Request": "true"})
    assert response is not None
    assert (response.status_code, response.content, response.headers["HX-Reswap"]) == (409, b"", "none")
    assert json.loads(response.headers["HX-Trigger"]) == {
        "toast": {"level": "error", "message": "A session is running."}
    }


def test_a_plain_view_under_api_answers_in_json() -> None:
    response = answer(NotFound("No such session."), "/api/trading/sessions.csv")
    assert response is not None
    assert json.loads(response.content) == {"detail": "No such session.", "code": "not_found"}


def test_it_leaves_other_exceptions_to_django() -> None:
    assert answer(ValueError(), "/") is None


@pytest.mark.django_db
def test_an_unknown_address_is_json_for_programs_and_a_page_for_people(client: Client) -> None:
    program, person = client.get("/api/nowhere"), client.get("/nowhere")
    assert (program.status_code, program.json()) == (404, {"detail": "Not found", "code": "not_found"})
    assert (person.status_code, "Not found" in person.content.decode()) == (404, True)


@pytest.mark.django_db
def test_a_person_reads_why_something_was_refused(rf: RequestFactory) -> None:
    response = answer(PermissionRefused("Only operators may start a session."), "/history/")
    assert response is not None
    assert (response.status_code, "Only operators may start" in response.content.decode()) == (403, True)


@pytest.mark.parametrize(
    ("handler", "status"),
    [
        (lambda request: errors.bad_request(request, ValueError()), 400),
        (errors.server_error, 500),
    ],
)
def test_a_failure_of_the_frame_itself_has_a_page_of_its_own(
    rf: RequestFactory, handler: Callable[[HttpRequest], HttpResponse], status: int
) -> None:
    page, program = handler(rf.get("/")), handler(rf.get("/api/trading/runtime"))
    assert (page.status_code, program.status_code) == (status, status)
    assert page.content.decode().startswith("<!doctype html>")
    assert set(json.loads(program.content)) == {"detail", "code"}


@pytest.mark.django_db
def test_a_missing_csrf_token_says_what_to_do() -> None:
    page = Client(enforce_csrf_checks=True).post("/login/", {"username": "a@example.com", "password": "wrong"})
    assert (page.status_code, "Reload the page" in page.content.decode()) == (403, True)
    program = errors.csrf_failure(RequestFactory().post("/api/trading/control"))
    assert json.loads(program.content)["code"] == "csrf_failed"
