"""The health check tells a load balancer the truth, without a login."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django import Settings


@pytest.mark.django_db
def test_it_is_well_without_a_login(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok", "database": "ok"})
    assert "no-store" in response.headers["Cache-Control"]


@pytest.mark.django_db
def test_it_says_when_the_database_does_not_answer(client: Client) -> None:
    def refuse(*arguments: object) -> None:
        raise DatabaseError("gone")

    with connection.execute_wrapper(refuse):
        response = client.get("/healthz")
    assert (response.status_code, response.json()["database"]) == (503, "unavailable")


@pytest.mark.django_db
def test_a_check_over_plain_http_is_not_sent_to_https(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200
    assert client.get("/nowhere").status_code == 301


def test_it_only_reads(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
