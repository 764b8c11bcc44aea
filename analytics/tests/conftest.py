"""Callers of the API, and the browser and the site of the live page's tests."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from trading.tests import factories_control as make
from trading.tests.test_browser_live import browser, complaints, page, site  # noqa: F401 - fixtures


@pytest.fixture
def api() -> APIClient:
    """A program of a viewer."""
    client = APIClient()
    client.force_authenticate(make.user("viewer"))
    return client
